"""What was already broken when a subject was first seen (R15), in one message."""

from __future__ import annotations

from collections.abc import Iterator

from bot import ids, words
from bot.blocks import (
    Block,
    Element,
    Message,
    actions,
    button,
    confirmation,
    date,
    field,
    fields,
    header,
    line,
    rich,
)
from bot.sentences import pieces
from bot.text import clean, escape, plural
from bot.tickets.views.facts import AdoptionFacts
from bot.tickets.views.storm import worst_list
from bot.validate import fit
from bot.words import At, Phrase, Who


def adoption(facts: AdoptionFacts) -> Message:
    """Accept all of it as known, or show it as cards; once chosen, who chose what."""
    blocks: list[Block] = [
        header(_title(facts)),
        fields(*_cells(facts)),
        rich(*_body(facts)),
    ]
    if facts.open and facts.accepted_by is None and facts.shown_by is None:
        blocks.append(_choice(facts))
    return fit(Message(_sentence(facts), tuple(blocks)))


def _subject(facts: AdoptionFacts) -> str:
    return clean(facts.subject, 40)


def _title(facts: AdoptionFacts) -> str:
    if facts.open == 0:
        return f"✅ {_subject(facts)} · what was broken at the start is resolved"
    return f"🧭 {_subject(facts)} · {plural(facts.open, 'ticket')} from before watching began"


def _sentence(facts: AdoptionFacts) -> str:
    subject = escape(_subject(facts))
    if facts.open == 0:
        return f"{subject}: all that was broken when watching began is resolved."
    bad = words.counted(facts.by_severity)
    return (
        f"{subject}: {plural(facts.open, 'thing')} ({bad}) already broken when watching began. "
        "Nobody was called."
    )


def _cells(facts: AdoptionFacts) -> Iterator[Element]:
    yield field("Watched since", date(facts.at))
    yield field("Open", words.counted(facts.by_severity) if facts.open else "none")


def _body(facts: AdoptionFacts) -> Iterator[Element | None]:
    kinds = ", ".join(f"{clean(name, 60)} {count:,}" for name, count in facts.by_invariant[:6])
    if kinds:
        yield line("By kind: ", kinds)
    yield from worst_list(facts.worst, facts.open, several=False)
    yield line(*pieces(_state(facts), facts.name_of))
    if facts.possible_duplicate:
        yield line("❔ This may be a second copy: whether the first arrived could not be seen.")


def _state(facts: AdoptionFacts) -> Phrase:
    if facts.accepted_by is not None:
        at: Phrase = (" (", At(facts.accepted_at), ")") if facts.accepted_at is not None else ()
        return ("Accepted as known by ", Who(facts.accepted_by), *at, ": held until healthy.")
    if facts.shown_by is not None:
        at = (" (", At(facts.shown_at), ")") if facts.shown_at is not None else ()
        return ("Cards shown by ", Who(facts.shown_by), *at, ".")
    if facts.open == 0:
        return ("Nothing is left to decide.",)
    return (
        "Their tickets are open, without cards. Accept them as known (each is held until healthy), "
        "or show their cards.",
    )


def _choice(facts: AdoptionFacts) -> Block:
    value = ids.gathering_value(facts.ref)
    many = plural(facts.open, "ticket")
    sure = confirmation(
        "Accept as known?",
        f"Holds {many} of {_subject(facts)} until healthy. They stay listed, call nobody, and "
        "end by themselves. A rise in severity still calls. Undo: unhold them one by one.",
        "Accept",
        "Cancel",
        danger=False,
    )
    many_cards = confirmation(
        "Show cards?",
        f"Posts {many} to this channel, gathered in one message if they are more than ten.",
        "Show",
        "Cancel",
        danger=False,
    )
    return actions(
        button(ids.ADOPTION_ACCEPT, "Accept as known", value, style="primary", confirm=sure),
        button(ids.ADOPTION_SHOW, "Show cards", value, confirm=many_cards),
    )
