"""Everything about one ticket, for the person who asked."""

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
    moment,
    plain,
    rich,
)
from bot.blocks import (
    words as say,
)
from bot.certainty import headline
from bot.sentences import pieces
from bot.text import clean
from bot.tickets.views import pieces as shared
from bot.tickets.views.card import small_print, symptom_list
from bot.tickets.views.facts import Look
from bot.tickets.views.history import UNTOLD, told
from bot.validate import fit
from core.diagnosis.made import Made
from core.events import Event
from core.tickets.model import Ticket

HISTORY = 15
FACTS = 20
DIAGNOSES = 8


def details(ticket: Ticket, events: Sequence[Event], look: Look) -> Message:
    """All facts and the history (events oldest first); its buttons act on the ticket."""
    blocks: list[Block] = [
        header(shared.headline(ticket, look)),
        fields(*shared.cells(ticket, look), *_times(ticket)),
        rich(*_body(ticket, events, look)),
        context(*small_print(ticket, look), plain(_commands(ticket), 300)),
    ]
    shown = _reasoning(look.diagnoses)
    buttons = (*shared.ticket_buttons(ticket)[:-1], *((shown,) if shown else ()))
    if buttons:
        blocks.append(actions(*buttons))
    return fit(Message(shared.sentence(ticket, look), tuple(blocks)))


def _times(ticket: Ticket) -> Iterator[Element]:
    if ticket.open and ticket.reopened_at is not None:
        yield field("Opened", date(ticket.opened_at))
    yield field("Last seen broken", date(ticket.last_seen_at))
    if ticket.acknowledged_at is not None:
        yield field("Acknowledged", date(ticket.acknowledged_at))
    if ticket.previous_id is not None:
        yield field("Earlier ticket", str(ticket.previous_id))


def _body(ticket: Ticket, events: Sequence[Event], look: Look) -> Iterator[Element | None]:
    yield line(shared.summary_of(ticket, 1000, lines=5))
    if ticket.open:
        yield line(*pieces(shared.why(ticket, look), look.name_of))
    else:
        yield line("✅ ", *pieces(words.ended(ticket), look.name_of))
    for note in shared.notes(ticket, look):
        yield line(*pieces(note, look.name_of))
    yield from symptom_list(look)
    yield from _facts(ticket)
    yield from _diagnoses(look.diagnoses)
    yield from _history(ticket, events, look)


def _facts(ticket: Ticket) -> Iterator[Element | None]:
    facts = list((ticket.detail.facts or {}).items())
    if not facts:
        return
    yield line(say("What was seen", bold=True))
    listed = [
        [f"{shared.fact_label(name)}: ", clean(value, 300) or "—"] for name, value in facts[:FACTS]
    ]
    if len(facts) > FACTS:
        listed.append([f"and {len(facts) - FACTS} more"])
    yield bullets(listed)


def _diagnoses(made: Sequence[Made]) -> Iterator[Element | None]:
    """What was thought of it, newest last; those that only said the same again are left out."""
    told = [one for one in made if one.told]
    if not told:
        return
    yield line(say("Diagnoses", bold=True))
    listed: list[list[Element | str]] = []
    if len(told) > DIAGNOSES:
        left = len(told) - DIAGNOSES
        listed.append(
            [f"{'1 earlier one is' if left == 1 else f'{left} earlier ones are'} not shown"]
        )
    listed += [_diagnosis(one) for one in told[-DIAGNOSES:]]
    yield bullets(listed)


def _diagnosis(made: Made) -> list[Element | str]:
    when = moment(made.made_at, "{date_short_pretty} {time_secs}")
    if made.question:
        return [when, f" Asked: {clean(made.question, 120)}"]
    notes = ["first look"] if made.diagnosis.first_look else []
    notes += [f"useful to {made.useful}"] if made.useful else []
    return [when, f" {headline(made.diagnosis)}" + (f" ({', '.join(notes)})" if notes else "")]


def _reasoning(made: Sequence[Made]) -> Element | None:
    """The way to the reasoning of what is thought now."""
    told = [one for one in made if one.told and not one.question]
    if not told:
        return None
    value = ids.diagnosis_value(told[-1].id)
    label = f"Show the reasoning of diagnosis {told[-1].id}"
    return button(ids.DIAGNOSIS_REASONING, "Show reasoning", value, label=label)


def _history(ticket: Ticket, events: Sequence[Event], look: Look) -> Iterator[Element | None]:
    if not events:
        return
    lines = _merged(events)
    yield line(say("History", bold=True))
    listed: list[list[Element | str]] = []
    if len(lines) > HISTORY:
        left = len(lines) - HISTORY
        entries = "1 earlier entry is" if left == 1 else f"{left} earlier entries are"
        listed.append([f"{entries} not shown"])
    for event, times in lines[-HISTORY:]:
        again = f" ({times} times)" if times > 1 else ""
        sentence = pieces(told(event, ticket), look.name_of)
        listed.append([moment(event.at, "{date_short_pretty} {time_secs}"), " ", *sentence, again])
    yield bullets(listed)


def _merged(events: Sequence[Event]) -> list[tuple[Event, int]]:
    """Runs of the same small change as one entry, told at its last time."""
    merged: list[tuple[Event, int]] = []
    for event in events:
        if event.kind in UNTOLD:
            continue
        small = event.kind in ("ticket.changed", "ticket.recovering")
        if small and merged and merged[-1][0].kind == event.kind:
            merged[-1] = (event, merged[-1][1] + 1)
        else:
            merged.append((event, 1))
    return merged


def _commands(ticket: Ticket) -> str:
    if not ticket.open:
        return "A recurrence within ten minutes reopens it by itself; later it is a new ticket."
    number = ticket.id
    verbs = [f"unhold {number}"] if ticket.held else [f"hold {number} 2h reason"]
    verbs.append(f"resolve {number}")
    if ticket.unowned:
        verbs.insert(0, f"ack {number}")
    return f"Commands: {', '.join(f'/tickets {verb}' for verb in verbs)}"
