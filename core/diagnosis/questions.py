"""Questions about a ticket that need no model: a fixed set, answered from frozen evidence. Pure.

Every answer names the pieces of evidence that it rests on. What is not understood gets the list of
what can be asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from core.diagnosis.encode import Answer
from core.diagnosis.model import Alternative, Claim, Diagnosis, Piece, Snapshot, canonical
from core.diagnosis.state import in_words

MAX_WORDS = 2_500
"""Characters of an answer: less than one Slack message holds."""
MAX_FACT = 160
SOMEBODY = "store 4"
"""Who stands in an example until it is known whom the snapshot knows."""
_KINDS = {
    "log": ("log",),
    "metric": ("reading",),
    "reading": ("reading",),
    "figure": ("reading",),
    "container": ("container", "event"),
    "docker": ("container", "event"),
    "pd": ("store", "member", "members", "pd"),
    "probe": ("probe",),
    "event": ("event", "change"),
}
_STATE = ("store", "member", "members", "probe", "container")


@dataclass(frozen=True, slots=True)
class Known:
    """What a question is answered from; `entity` is the one that it names, else the diagnosis's."""

    snapshot: Snapshot
    diagnosis: Diagnosis
    asked: str
    entity: str


@dataclass(frozen=True, slots=True)
class Question:
    """One question of the set: an example in words, the words that give it away, and who answers."""

    example: str
    hint: re.Pattern[str]
    reply: Callable[[Known], Answer]


def answer(question: str, snapshot: Snapshot, diagnosis: Diagnosis) -> Answer:
    """What the evidence says to a question, or what can be asked."""
    asked = " ".join(question.lower().split())
    known = Known(snapshot, diagnosis, asked, _entity(asked, snapshot) or diagnosis.entity)
    for one in QUESTIONS:
        if one.hint.search(asked):
            found = one.reply(known)
            return Answer(found.words[:MAX_WORDS], tuple(dict.fromkeys(found.cited)))
    return unknown(snapshot, diagnosis.entity)


def unknown(snapshot: Snapshot, concerned: str) -> Answer:
    """What can be asked, and about what; the examples name `concerned`, or else what is known."""
    known = [one for one in snapshot.entities if ":" in one]
    entities = known[:8]
    about = f" It knows of {', '.join(map(_named, entities))}." if entities else ""
    pieces = len(snapshot.pieces)
    words = (
        "Without a model only some questions can be answered, from "
        f"{pieces} {'piece' if pieces == 1 else 'pieces'} of evidence frozen at "
        f"{_time(snapshot.taken_at)}.{about}"
    )
    whom = _named(concerned if concerned in known else (known or snapshot.entities or ("it",))[0])
    return Answer(words, (), tuple(one.example.replace(SOMEBODY, whom) for one in QUESTIONS))


def _named(entity: str) -> str:
    """An entity as people call it: store 4, pd-0."""
    kind, _, rest = entity.partition(":")
    return entity if not rest else f"{kind} {rest}" if rest.isdigit() else rest


def _entity(asked: str, snapshot: Snapshot) -> str:
    """The entity that the question names: store 4, store:4, pd-0, tikv-4:20160."""
    for one in sorted(snapshot.entities, key=len, reverse=True):
        kind, _, name = one.partition(":")
        forms = {one.lower(), f"{kind} {name}".lower()} | (
            {name.lower()} if len(name) > 2 else set()
        )
        if name and any(re.search(rf"(?<![\w-]){re.escape(f)}(?![\w-])", asked) for f in forms):
            return one
        address = _address(snapshot, one).lower()
        if address and address in asked:
            return one
    return ""


def _address(snapshot: Snapshot, entity: str) -> str:
    piece = snapshot.piece("store", entity)
    now = piece.content.get("now") if piece and isinstance(piece.content, dict) else None
    return str(now.get("address") or "") if isinstance(now, dict) else ""


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S UTC")


def _day_time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _cite(claims: Iterable[Claim]) -> tuple[str, ...]:
    return tuple(one.check.evidence for one in claims if one.check.evidence)


def _listed(claims: Iterable[Claim]) -> str:
    return "".join(f"\n• {one.words}" for one in claims)


def _why(known: Known) -> Answer:
    made = known.diagnosis
    words = f"{made.primary} That is {made.certainty}.{_listed(made.claims)}"
    if not made.claims:
        words += f" {made.action}"
    return Answer(words, _cite(made.claims))


def _since(known: Known) -> Answer:
    made, frozen = known.diagnosis, known.snapshot
    lines = [f"The ticket opened at {_day_time(frozen.opened_at)}."]
    lines += [f"• {_time(one.at)}: {one.words}" for one in made.timeline]
    return Answer("\n".join(lines), tuple(one.evidence for one in made.timeline if one.evidence))


def _next(known: Known) -> Answer:
    made = known.diagnosis
    words = made.action + "".join(f"\n• Risk: {one}" for one in made.risks)
    if made.commands:
        words += "\nThe commands are behind Show reasoning."
    return Answer(words)


def _sure(known: Known) -> Answer:
    made = known.diagnosis
    words = f"It is {made.certainty}: {made.primary}"
    missing = "".join(f"\n• {one}" for one in made.unseen)
    words += f"\nWhat could not be seen:{missing}" if missing else " Everything wanted was seen."
    return Answer(words, _cite(made.claims[:1]))


def _else(known: Known) -> Answer:
    rivals = known.diagnosis.alternatives
    named = [one for one in rivals if one.cause.replace("_", " ") in known.asked]
    if not rivals:
        return Answer("No other cause had anything to show for it.")
    chosen = named or list(rivals)
    cited = tuple(c for one in chosen for c in _cite((*one.supporting, *one.contradicting)))
    return Answer("\n".join(_rival(one, bool(named)) for one in chosen), cited)


def _rival(one: Alternative, whole: bool) -> str:
    words = f"{one.cause.replace('_', ' ')} ({_named(one.entity)}): {one.conclusion}"
    if whole:
        words += "".join(f"\n• for: {claim.words}" for claim in one.supporting)
        words += "".join(f"\n• against: {claim.words}" for claim in one.contradicting)
    return words


def _similar(known: Known) -> Answer:
    found = [
        (piece.id, one)
        for piece in known.snapshot.pieces
        if piece.kind == "nearby" and piece.ok and isinstance(piece.content, dict)
        for one in piece.content.get("tickets") or ()
        if isinstance(one, dict)
        and (piece.source == "similar tickets") == ("nearby" not in known.asked)
    ]
    if not found:
        return Answer("No such ticket is known.")
    return Answer("\n".join(_ticket(one) for _, one in found), tuple(i for i, _ in found))


def _ticket(one: Mapping[str, Any]) -> str:
    cause = str(one.get("cause") or "").replace("_", " ")
    ended = f", {one['outcome']} after {_lasted(one.get('minutes'))}" if one.get("outcome") else ""
    said = f", {cause} ({one.get('certainty')})" if cause else ""
    what = f"{one.get('invariant')} of {_named(str(one.get('entity')))}"
    return f"• ticket {one.get('ticket')}: {what}{ended}{said}"


def _lasted(minutes: Any) -> str:
    short = isinstance(minutes, int | float) and minutes < 1
    return f"{round(minutes * 60)} s" if short else f"{minutes} min"


def _evidence(known: Known) -> Answer:
    named = [word for word in _KINDS if re.search(rf"\b{word}s?\b(?![-:])", known.asked)]
    wanted = {kind for word in named for kind in _KINDS[word]}
    some = [one for one in known.snapshot.pieces if one.entity == known.entity]
    return _facts(known, [one for one in some if not wanted or one.kind in wanted])


def _status(known: Known) -> Answer:
    some = [one for one in known.snapshot.pieces if one.entity == known.entity]
    return _facts(known, [one for one in some if one.kind in _STATE])


def _facts(known: Known, pieces: list[Piece]) -> Answer:
    if not pieces:
        return Answer(f"There is no such evidence about {_named(known.entity)} in the snapshot.")
    lines = [f"{_named(known.entity)} at {_time(known.snapshot.taken_at)}:"]
    cited: list[str] = []
    for one in pieces:
        line = f"• {_fact(one)} [{one.id}]"
        if sum(map(len, lines)) + len(line) > MAX_WORDS - 40:
            lines.append(f"and {len(pieces) - len(cited)} more")
            break
        lines.append(line)
        cited.append(one.id)
    return Answer("\n".join(lines), tuple(cited))


def _fact(piece: Piece) -> str:
    name = piece.source if piece.kind in ("reading", "pd") else piece.kind
    if not piece.ok:
        return f"{name}: could not be seen ({piece.error or 'the call failed'})"
    content = piece.content
    if isinstance(content, dict) and "now" in content:
        before = content.get("before")
        if told := in_words(piece.kind, content["now"], before):
            return f"{piece.source if piece.kind == 'probe' else name}: {told}"
        said = _short(content["now"])
        return f"{name}: {said}" + (
            f", before {_short(before)}" if before != content["now"] else ""
        )
    if isinstance(content, dict) and isinstance(content.get("lines"), list):
        last = [str(one.get("text", "")) for one in content["lines"][-3:] if isinstance(one, dict)]
        return f"{name}: {' / '.join(last)[:MAX_FACT] or 'empty'}"
    return f"{name}: {_short(content)}"


def _changed(now: Any, before: Any) -> Any:
    """What was otherwise before, of a record only the fields that were."""
    if isinstance(now, dict) and isinstance(before, dict):
        return {key: value for key, value in before.items() if value != now.get(key)}
    return before if before != now else None


def _short(content: Any) -> str:
    if isinstance(content, dict):
        told = (
            f"{key} {_short(value)}" for key, value in content.items() if value not in ("", None)
        )
        return ", ".join(told)[:MAX_FACT]
    if content is None:
        return "nothing"
    return (content if isinstance(content, str) else canonical(content))[:MAX_FACT]


def _hint(words: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{words})")


QUESTIONS = (
    Question(
        "what next?", _hint(r"next|what (?:should|can|to|do)|how (?:do|to|can)|fix|action"), _next
    ),
    Question("since when?", _hint(r"since|when|how long|start|timeline|happened first"), _since),
    Question(
        "how sure is that?", _hint(r"sure|certain|confiden|what (?:could|is) (?:not|miss)"), _sure
    ),
    Question(
        "what else could it be?", _hint(r"else|alternativ|could it|other cause|ruled out"), _else
    ),
    Question("was it like this before?", _hint(r"similar|before|last time|nearby|again"), _similar),
    Question(
        "evidence of store 4? (or: its log, its metrics, its container)",
        _hint(r"evidence|proof|show|log|metric|reading|figure|container|docker"),
        _evidence,
    ),
    Question(
        "why?", _hint(r"why|cause|reason|root|what (?:happened|is going|went|broke)|explain"), _why
    ),
    Question(
        "status of store 4?", _hint(r"status|state|how is|now|alive|up\b|down\b|healthy"), _status
    ),
)
"""In the order in which they are tried; the words that give a question away, in lower case."""
