"""A diagnosis as the thread shows it: certainty first, then what is going on, why, and what next.

Whatever a rule, a model, a log or a label said is data here: it goes into rich text, where no
markup is read, through the one cleaner.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bot import certainty as wording
from bot import ids
from bot.blocks import (
    Block,
    Element,
    Message,
    actions,
    bullets,
    button,
    context,
    date,
    line,
    plain,
    rich,
    said,
)
from bot.blocks import words as say
from bot.diagnosis.facts import Shown
from bot.sentences import person
from bot.text import clean, escape, plural
from bot.validate import fit
from core.diagnosis.made import Spent
from core.diagnosis.model import Certainty, Claim, Diagnosis, Reason, Weight

CLAIMS = 5
"""Claims that the message itself shows; all of them are behind "Show reasoning"."""
RIVALS = 3
RISKS = 2
_BARE = re.compile(r"-?[\d.,]{1,30}|yes|no", re.ASCII)
AGAIN = "looked at again after 30 s and 5 min"
_OCCASION = {
    Reason.OPENED: "when the ticket opened",
    Reason.SOON: "30 s later",
    Reason.LATER: "5 min later",
    Reason.WORSENED: "when it got worse",
    Reason.ASKED: "when asked",
}


def diagnosis(shown: Shown) -> Message:
    """The message of one diagnosis. An older one keeps its words and loses what acts on it."""
    made = shown.diagnosis
    blocks: list[Block] = [
        rich(*_title(shown)),
        rich(_heading("What is going on"), line(wording.guarded(made))),
        rich(_heading("Why"), *_why(shown)),
        rich(_heading("What next"), *_next(made)),
        context(*_small_print(shown)),
        actions(*_buttons(shown)),
    ]
    return fit(Message(_sentence(shown), tuple(blocks)))


def unchanged(shown: Shown) -> Message:
    """Somebody asked again and the answer is the same: one line, with the way to its reasoning."""
    made = shown.diagnosis
    head = line(
        say("Looked again"),
        *_asked_by(shown),
        ": nothing changed. ",
        say(wording.certainty(made), bold=True),
        f": {wording.guarded(made)}",
    )
    text = f"Looked again, nothing changed: {escape(wording.headline(made))}"
    return fit(Message(text, (rich(head), actions(reasoning_button(shown), _recheck(shown)))))


def _sentence(shown: Shown) -> str:
    made = shown.diagnosis
    where = f"{escape(clean(shown.subject, 40))}: d" if shown.subject else "D"
    sure = str(made.certainty)
    first = ", first look" if made.first_look else ""
    told = escape(wording.guarded(made))
    return f"{where}iagnosis of ticket {shown.ticket_id}, {sure}{first}: {told}"


def _heading(text: str) -> Element:
    return line(say(text, bold=True))


def _title(shown: Shown) -> Iterator[Element | None]:
    made = shown.diagnosis
    label = " · First look" if made.first_look and shown.same_at is None else ""
    yield line(say(wording.certainty(made), bold=True), label, f" · {_about(made)}")
    if shown.asked_by:
        yield line("Asked for by ", person(shown.asked_by, shown.name_of), ".")
    changed = change(shown.previous, made)
    if changed:
        yield line("↻ ", changed)


def _about(made: Diagnosis) -> str:
    if made.cause == "unknown":
        return f"cause not known, {wording.entity(made.entity)}"
    about = wording.entity(made.entity)
    told = wording.cause(made.cause)
    return told if told.startswith(f"{about} ") else f"{told}, {about}"


def _asked_by(shown: Shown) -> list[Element | str]:
    return [" for ", person(shown.asked_by, shown.name_of)] if shown.asked_by else []


def change(before: Diagnosis | None, now: Diagnosis) -> str:
    """What a revision says that the one before it did not; "" where nothing did."""
    if before is None:
        return ""
    was = f"{wording.SIGN[before.certainty]} {before.certainty}"
    if (before.cause, before.entity) != (now.cause, now.entity):
        said_first = "The first look" if before.first_look else "It"
        return (
            f"Revised. {said_first} said {was}: {wording.cause(before.cause)}, "
            f"{wording.entity(before.entity)}."
        )
    if before.certainty is not now.certainty:
        order = (Certainty.INCONCLUSIVE, Certainty.LIKELY, Certainty.CONFIRMED)
        rose = order.index(now.certainty) > order.index(before.certainty)
        how = "Surer than before" if rose else "Less sure than before"
        return f"{how}: it was {was}. Same cause."
    if before.made_by != now.made_by:
        return f"The same as {_maker(before)} said, for reasons of its own."
    return ""


# Why.


def _why(shown: Shown) -> Iterator[Element | None]:
    made = shown.diagnosis
    if not made.claims:
        yield line("Nothing that was seen speaks for any cause.")
    else:
        yield claim_list(shown, made.claims, CLAIMS)
    if made.unseen and made.certainty is not Certainty.INCONCLUSIVE:
        yield line("Not seen: ", _listed(made.unseen, 3, 80), ".")


def claim_list(shown: Shown, claims: Sequence[Claim], most: int = 100) -> Element | None:
    """Claims, each with the piece of evidence that it rests on and what its check saw."""
    listed = [claim_line(shown, one) for one in _chosen(claims, most)]
    if len(claims) > most:
        listed.append([f"and {len(claims) - most} more"])
    return bullets(listed)


def _chosen(claims: Sequence[Claim], most: int) -> list[Claim]:
    """The first ones; what speaks against it is never left out for length."""
    against = [one for one in claims if one.weight is Weight.CONTRADICTING]
    others = [one for one in claims if one.weight is not Weight.CONTRADICTING]
    return [*others[: max(most - len(against), 0)], *against][:most]


def claim_line(shown: Shown, claim: Claim) -> list[Element | str]:
    """ "It ended by SIGKILL (exit code 137) e56"; the value is added where the words lack it."""
    words = clean(claim.words, 300) or "(no words)"
    against = "Against it: " if claim.weight is Weight.CONTRADICTING else ""
    value = shown.value(claim)
    cited = cite(claim)
    if not wording.says(words, value):
        cited += f": {_named(shown, claim, clean(value, 80))}"
    return [f"{against}{words} ", say(cited, code=True)]


def _named(shown: Shown, claim: Claim, value: str) -> str:
    """A figure, or a yes or no, with its name; words speak for themselves."""
    if not _BARE.fullmatch(value):
        return value
    source = shown.sources.get(claim.check.evidence, "")
    return f"{wording.label(claim.check.predicate, source)} {value}".strip()


def cite(claim: Claim) -> str:
    """The evidence that a claim names: its id, or the query that finds it."""
    if claim.check.evidence:
        return clean(claim.check.evidence, 40)
    query = claim.check.query
    return clean(f"{query.kind} {query.text}", 60) if query is not None else "no evidence"


def _listed(things: Sequence[str], most: int, limit: int) -> str:
    shown = "; ".join(clean(one, limit) for one in things[:most])
    return shown + (f"; {len(things) - most} more" if len(things) > most else "")


# What next.


def _next(made: Diagnosis) -> Iterator[Element | None]:
    yield line(clean(made.action, 500) or "Nothing is advised.")
    risks = [clean(one, 240) for one in made.risks if clean(one, 240)]
    for one in risks[:RISKS]:
        yield line("⚠️ ", one)


# Small print and buttons.


def _small_print(shown: Shown) -> Iterator[Element]:
    made = shown.diagnosis
    if made.alternatives:
        rivals = ", ".join(
            dict.fromkeys(wording.cause(one.cause) for one in made.alternatives[:RIVALS])
        )
        more = len(made.alternatives) - RIVALS
        yield plain(f"Also weighed: {rivals}" + (f" and {more} more" if more > 0 else ""), 300)
    yield said(
        f"Diagnosis {shown.id} by {_maker(made)}, from evidence of ",
        date(made.taken_at, "{time_secs}"),
        f" ({_OCCASION[shown.reason]})",
    )
    if shown.same_at is not None:
        yield said("Looked at again ", date(shown.same_at, "{time_secs}"), ": nothing changed")
    elif made.first_look and not shown.superseded and not shown.final:
        yield plain(f"First look: {AGAIN}", 100)
    if shown.spent is not None and shown.spent.calls:
        yield plain(cost(shown.spent), 120)
    if made.struck:
        one = len(made.struck) == 1
        why = "was struck: its check failed" if one else "were struck: their checks failed"
        yield plain(f"{plural(len(made.struck), 'claim')} {why}", 100)
    if shown.superseded:
        yield plain("A newer one stands below", 40)


def cost(spent: Spent) -> str:
    """What asking a model took: "5 calls, 12,345 tokens, $0.031"."""
    tokens = plural(spent.input_tokens + spent.output_tokens, "token")
    return f"{plural(spent.calls, 'call')}, {tokens}, {wording.dollars(spent.micro_dollars)}"


def _maker(made: Diagnosis) -> str:
    return "the rules" if made.made_by == "rules" else clean(made.made_by, 60) or "somebody"


def reasoning_button(shown: Shown) -> Element:
    """Opens the dialogue with everything that is not in the message."""
    value = ids.diagnosis_value(shown.id)
    label = f"Show the reasoning of diagnosis {shown.id}, to you only"
    return button(ids.DIAGNOSIS_REASONING, "Show reasoning", value, label=label)


def _recheck(shown: Shown) -> Element:
    value = ids.diagnosis_value(shown.id)
    label = f"Run the checks of diagnosis {shown.id} again now"
    return button(ids.DIAGNOSIS_RECHECK, "Re-check", value, label=label)


def votes(shown: Shown) -> Iterator[Element]:
    """Useful, not useful: how many thought so stands on them."""
    value = ids.diagnosis_value(shown.id)
    for action, text, n in (
        (ids.DIAGNOSIS_USEFUL, "Useful", shown.useful),
        (ids.DIAGNOSIS_USELESS, "Not useful", shown.useless),
    ):
        label = f"{text}: diagnosis {shown.id}, said by {n}"
        yield button(action, f"{text} · {n}" if n else text, value, label=label)


def _buttons(shown: Shown) -> Iterator[Element]:
    yield reasoning_button(shown)
    if not shown.superseded and not shown.final:
        yield _recheck(shown)
        again = f"Diagnose ticket {shown.ticket_id} again"
        value = ids.diagnosis_value(shown.id)
        yield button(ids.DIAGNOSIS_AGAIN, "Diagnose again", value, label=again)
    yield from votes(shown)
