"""A burst of tickets in one living message, and its members page by page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot import ids, words
from bot.blocks import (
    Block,
    Element,
    Message,
    actions,
    bullets,
    button,
    context,
    date,
    field,
    fields,
    header,
    line,
    plain,
    rich,
)
from bot.text import clean, escape, plural
from bot.tickets.views.facts import StormFacts
from bot.tickets.views.listing import PER_PAGE, paging, rows
from bot.tickets.views.page import named
from bot.validate import fit
from core.tickets.model import Ticket

WORST = 5
KINDS = 6


def storm(facts: StormFacts) -> Message:
    """The living message of a burst: how many, how bad, which are worst, and a way to all."""
    title = _title(facts)
    blocks = (
        header(title),
        fields(*_cells(facts)),
        rich(*_body(facts)),
        context(plain(_why(facts), 300)),
        actions(
            button(
                ids.STORM_SHOW,
                f"Show all {facts.total:,}",
                ids.gathering_value(facts.ref),
                label="Show the tickets of this burst, to you only",
            )
        ),
    )
    worst = f" Worst: {escape(clean(facts.worst[0].title, 120))}." if facts.worst else ""
    return fit(Message(f"{_sentence(facts)}{worst}", blocks))


def _where(facts: StormFacts) -> str:
    if len(facts.subjects) == 1:
        return clean(facts.subjects[0], 40)
    return f"{len(facts.subjects)} clusters" if facts.subjects else "Burst"


def _title(facts: StormFacts) -> str:
    if facts.open == 0:
        return f"✅ {_where(facts)} · burst over · all {plural(facts.total, 'ticket')} resolved"
    worst = max(facts.by_severity, key=lambda s: s.rank, default=None)
    colour = words.COLOUR[worst] if worst is not None else "🟠"
    return (
        f"{colour} {_where(facts)} · burst of {plural(facts.total, 'ticket')} · {facts.open:,} open"
    )


def _sentence(facts: StormFacts) -> str:
    where = escape(_where(facts))
    if facts.open == 0:
        return f"{where}: all {plural(facts.total, 'ticket')} of a burst are resolved."
    bad = words.counted(facts.by_severity)
    return f"{where}: a burst of {plural(facts.total, 'ticket')}, {facts.open:,} open ({bad})."


def _cells(facts: StormFacts) -> Iterator[Element]:
    yield field("Began", date(facts.opened_at))
    yield field("Newest", date(facts.last_at))
    if facts.open == 0:
        return
    yield field("Open", words.counted(facts.by_severity))
    unowned = max(facts.open - facts.owned, 0)
    held = f", {facts.held:,} held" if facts.held else ""
    yield field("Owners", f"{facts.owned:,} owned, {unowned:,} without{held}")


def _body(facts: StormFacts) -> Iterator[Element | None]:
    kinds = [f"{name} {count:,}" for name, count in facts.by_invariant[:KINDS]]
    more = len(facts.by_invariant) - KINDS
    if more > 0:
        kinds.append(f"{more} more kinds")
    yield line("By kind: ", ", ".join(clean(k, 100) for k in kinds) or "not counted yet")
    yield from worst_list(facts.worst, facts.open, several=len(facts.subjects) > 1)
    if facts.possible_duplicate:
        yield line("❔ This may be a second copy: whether the first arrived could not be seen.")


def worst_list(worst: Sequence[Ticket], total: int, *, several: bool) -> Iterator[Element | None]:
    """The worst few by name."""
    if not worst:
        return
    shown = worst[:WORST]
    yield line("Worst:" if total > len(shown) else "They are:")
    yield bullets([f"{words.sign(one)} {one.id} ", named(one, several=several)] for one in shown)


def _why(facts: StormFacts) -> str:
    if facts.closed_at is not None:
        return "The burst has ended: what opens from now on gets a message of its own."
    return (
        "Gathered here because more than ten tickets came within a minute. New ones join this "
        "message; each can be handled by its number, as in /tickets ack 42."
    )


def storm_page(facts: StormFacts, tickets: Sequence[Ticket], page: int) -> Message:
    """One page (from 0) of a storm's members, for the person who asked: PER_PAGE tickets a page."""
    first = page * PER_PAGE + 1
    place = f"{first:,} to {first + len(tickets) - 1:,} of {facts.total:,}"
    title = f"{_where(facts)} · burst · {place}" if tickets else f"{_where(facts)} · burst"
    blocks: list[Block] = [header(title), *rows(tickets)]
    if not tickets:
        blocks.append(context(plain("There is nothing on this page any more.", 100)))
    before = ids.gathering_value(facts.ref, max(page - 1, 0))
    after = ids.gathering_value(facts.ref, page + 1)
    more = (page + 1) * PER_PAGE < facts.total
    nav = paging(
        button(ids.STORM_PREVIOUS, "Previous", before) if page > 0 else None,
        button(ids.STORM_NEXT, "Next", after) if more else None,
    )
    if nav:
        blocks.append(nav)
    return fit(Message(escape(title), tuple(blocks)))
