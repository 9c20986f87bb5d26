"""What several views of a ticket share: its headline, its cells, its notes, its buttons."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot import ids, words
from bot.blocks import Element, button, date, field, group, said, user
from bot.sentences import person
from bot.text import clean, escape, harmless
from bot.tickets.views.facts import Look, Why
from bot.words import At, Data, Phrase
from core.durations import span
from core.rehearsal import INVARIANT as REHEARSAL
from core.subject import OWN
from core.tickets.model import FLAP_DAMPING_S, Ticket, Verb, allowed

SHOWN_SYMPTOMS = 5
_CALLED = re.compile(r"<(@|!subteam\^)([UWS][A-Z0-9]{1,40})>")
_IMPACT = (
    "quorum margin",
    "would break majority",
    "missing",
    "leaders before",
    "members that may still be lost",
    "regions",
)
"""Facts that say how bad it is, the most telling first; others stand in their own order after."""
_CALLED_HERE = {"leaders before": "leaders it had"}
"""Facts whose own name says too little beside a figure."""
BREAKS = "would break majority"


def subject_of(ticket: Ticket, look: Look) -> str:
    """What the ticket's subject is called, short enough for a phone."""
    return clean(look.subject or ticket.subject, 40)


def summary_of(ticket: Ticket, limit: int, *, lines: int = 1) -> str:
    """What was seen, as a sentence begins."""
    seen = clean(ticket.summary, limit, lines=lines)
    return seen[:1].upper() + seen[1:] if seen else "No more is known yet."


def headline(ticket: Ticket, look: Look) -> str:
    """Emoji, cluster, severity, state and what is wrong with what, in one line of plain text."""
    title = clean(ticket.title, 90)
    state = f"{str(ticket.severity).capitalize()} · {words.state(ticket)}"
    return f"{words.sign(ticket)} {subject_of(ticket, look)} · {state} · {title}"


def sentence(ticket: Ticket, look: Look) -> str:
    """The same as mrkdwn without emoji, for notifications: cluster, severity, entity first."""
    subject, title = escape(subject_of(ticket, look)), escape(clean(ticket.title, 200))
    if not ticket.open:
        return f"{subject}: resolved, was {ticket.severity}: {title}."
    return f"{subject}: {str(ticket.severity).upper()}, {title}. Ticket {ticket.id}, " + (
        f"{words.state(ticket)}."
    )


def called(mention: str) -> Element | None:
    """The configured user or group as a mention in rich text; None without one."""
    found = _CALLED.fullmatch(mention)
    if found is None:
        return None
    return user(found[2]) if found[1] == "@" else group(found[2])


def mention_text(mention: str) -> str:
    """The same in a message's `text`; what is no user or group calls nobody."""
    return mention if _CALLED.fullmatch(mention) else ""


# The four cells.


def cells(ticket: Ticket, look: Look) -> tuple[Element, ...]:
    """Since, measured, impact, owner; of a resolved one: since, until, lasted, owner."""
    if ticket.resolved_at is not None:
        lasted = span(ticket.resolved_at - ticket.opened_at)
        until = field("Until", date(ticket.resolved_at))
        return (_since(ticket), until, field("Lasted", lasted), _owner(ticket, look))
    found = [_since(ticket), _measured(ticket)]
    found += [_fact_cell(name, value) for name, value in _chosen(ticket)]
    return (*(cell for cell in found if cell is not None), _owner(ticket, look))


def _chosen(ticket: Ticket) -> list[tuple[str, str]]:
    """The facts that have a cell: one, or two where nothing was measured; the telling ones first."""
    given = dict(ticket.detail.facts or {})
    first = [(name, given.pop(name)) for name in _IMPACT if name in given]
    return (first + list(given.items()))[: 1 if ticket.detail.value is not None else 2]


def _since(ticket: Ticket) -> Element:
    began = ticket.opened_at if ticket.resolved_at else ticket.reopened_at or ticket.opened_at
    return field("Since", date(began))


def _measured(ticket: Ticket) -> Element | None:
    detail = ticket.detail
    if detail.value is None:
        return None
    found = words.figure(detail.value, detail.unit)
    if detail.threshold is None:
        return field("Measured", found)
    # "0 stores, threshold 1": a unit that is a word is said once.
    unit = detail.unit if len(detail.unit) <= 2 else ""
    return field("Measured", found, ", threshold ", words.figure(detail.threshold, unit))


def fact_label(name: str) -> str:
    """What a fact is called to people, as a sentence begins."""
    label = _CALLED_HERE.get(name) or clean(name, 60)
    return label[:1].upper() + label[1:]


def _fact_cell(name: str, value: str) -> Element:
    label = fact_label(name)
    shown = clean(value, 300) or "—"
    if harmless(label):
        return field(label, shown)
    return said(f"{label}\n{shown}", limit=2000)


def _owner(ticket: Ticket, look: Look) -> Element:
    if ticket.acknowledged_by is None:
        return field("Owner", "nobody yet" if ticket.open else "nobody")
    made = person(ticket.acknowledged_by, look.name_of)
    if made["type"] == "user":
        mention = f"<@{made['user_id']}>"
        return {"type": "mrkdwn", "text": f"*Owner*\n{mention}", "verbatim": True}
    return field("Owner", made["text"])


# Notes: what else is to be known, a line each.


def why(ticket: Ticket, look: Look) -> Phrase:
    """The one line that says why you are told of it."""
    chosen = look.why or _why(ticket)
    if chosen is Why.RECURRED:
        again = words.ordinal(ticket.flap_count + 1)
        since = ticket.reopened_at or ticket.opened_at
        return ("Why now: it recovered, then broke again (", At(since), f"), {again} time.")
    if chosen is Why.REPEAT and ticket.previous_id is not None:
        return (f"Why now: it happened before, see ticket {ticket.previous_id}.",)
    if chosen is Why.WORSENED:
        return (f"Why now: it got worse and is {ticket.severity} now.",)
    if chosen is Why.NEW_ENTITY:
        return ("Why now: the same is open elsewhere already; this one is new.",)
    return ("Why now: first time seen here.",)


def _why(ticket: Ticket) -> Why:
    if ticket.flap_count:
        return Why.RECURRED
    return Why.FIRST if ticket.previous_id is None else Why.REPEAT


def notes(ticket: Ticket, look: Look) -> Iterator[Phrase]:
    """Marks that only some tickets carry, the most pressing first."""
    if ticket.held:
        yield ("⏸️ ", *words.hold_words(ticket))
    if ticket.open and ticket.healthy_since is not None:
        yield _recovering(ticket)
    if words.flapping(ticket) and ticket.open:
        damped = span(FLAP_DAMPING_S)
        told = f"🔁 Flapping: it came back {words.times(ticket.flap_count)}; "
        yield (f"{told}it must stay healthy for {damped} before it resolves.",)
    if ticket.explained_by is not None and ticket.open:
        yield (f"↳ Explained by ticket {ticket.explained_by}.",)
    breaks = _breaks(ticket, look)
    if breaks:
        yield ("⚠️ Losing any of these as well would break a majority: ", Data(breaks, 300))
    yield from _surroundings(look)


def _recovering(ticket: Ticket) -> Phrase:
    since = At(ticket.healthy_since or 0.0)
    if ticket.held and not ticket.held_until_healthy:
        return ("🌱 Healthy since ", since, "; the hold keeps it open.")
    return ("🌱 Healthy since ", since, "; it resolves by itself if that lasts.")


def _breaks(ticket: Ticket, look: Look) -> str:
    """The stores whose loss would next break a majority, where no cell says it already."""
    if not ticket.open or any(name == BREAKS for name, _ in _chosen(ticket)):
        return ""
    for one in (ticket, *look.symptoms):
        found = (one.detail.facts or {}).get(BREAKS, "")
        if found and one.open:
            return found
    return ""


def _surroundings(look: Look) -> Iterator[Phrase]:
    if look.diagnosis:
        yield ("🔎 ", Data(look.diagnosis, 300), " (more in the thread)")
    if look.experiment:
        yield ("🧪 Opened during experiment ", Data(look.experiment, 200), ".")
    if look.maintenance:
        yield ("🔧 Notifications are paused: ", Data(look.maintenance, 300))
    if look.possible_duplicate:
        yield ("❔ This may be a second copy: whether the first arrived could not be seen.",)


# Buttons.


def ticket_buttons(ticket: Ticket) -> tuple[Element, ...]:
    """What can be done now, in order: at most five, one of them primary."""
    value = ids.ticket_value(ticket.id, ticket.version)
    made = {
        Verb.ACKNOWLEDGE: (ids.TICKET_ACKNOWLEDGE, "Acknowledge"),
        Verb.RESOLVE: (ids.TICKET_RESOLVE, "Resolve"),
        Verb.HOLD: (ids.TICKET_HOLD, "Hold…"),
        Verb.UNHOLD: (ids.TICKET_UNHOLD, "Unhold"),
    }
    out = []
    for verb in _in_order(ticket):
        action, text = made[verb]
        label = f"{text} ticket {ticket.id}"
        style = "primary" if verb is Verb.ACKNOWLEDGE and not ticket.held else None
        out.append(button(action, text, value, style=style, label=label))  # type: ignore[arg-type]
    if ticket.open and ticket.subject != OWN and ticket.invariant != REHEARSAL:
        label = f"Diagnose ticket {ticket.id}"
        out.append(button(ids.TICKET_DIAGNOSE, "Diagnose", value, label=label))
    out.append(button(ids.TICKET_DETAILS, "Details", value, label=f"Details of ticket {ticket.id}"))
    return tuple(out)


def _in_order(ticket: Ticket) -> tuple[Verb, ...]:
    verbs = allowed(ticket)
    if not ticket.held:
        return verbs
    # On a held ticket the way back comes first, and acknowledging last.
    first = (Verb.UNHOLD, Verb.RESOLVE, Verb.ACKNOWLEDGE)
    return tuple(v for v in first if v in verbs)
