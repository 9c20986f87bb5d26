"""What is shown of watching: status, pauses, gaps, help."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bot import ids, words
from bot.blocks import (
    Block,
    Element,
    Message,
    actions,
    bullets,
    button,
    header,
    line,
    moment,
    rich,
)
from bot.blocks import (
    words as say,
)
from bot.notes import help_message
from bot.sentences import markup, pieces
from bot.text import clean, escape, plural
from bot.validate import fit
from bot.words import At, Data, Phrase, Who
from core.durations import span
from core.tickets.model import Ticket

SUBJECTS = 15
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Pause:
    """An announced maintenance. `subject` "" means everything. Times in seconds since the epoch."""

    id: int
    subject: str
    started_at: float
    until: float
    by: str
    reason: str
    ended_at: float | None = None
    ended_by: str | None = None


@dataclass(frozen=True, slots=True)
class SubjectStatus:
    """One subject as /monitor status shows it; `at` None: not looked at yet.

    `blind`: sources that cannot be read now, each with why. Durations in seconds.
    """

    name: str
    label: str
    at: float | None
    tick_s: float = 0.0
    interval_s: float = 0.0
    broken: int = 0
    unknown: int = 0
    holds: int = 0
    open_tickets: int = 0
    blind: tuple[tuple[str, str], ...] = ()
    pause: Pause | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """How delivery to Slack stands. `connected`: open sockets, None over HTTP. `parked`: channels
    that cannot be delivered to, each with why."""

    backlog: int = 0
    oldest_s: float = 0.0
    parked: tuple[tuple[str, str], ...] = ()
    connected: int | None = None
    trouble: str = ""


NameOf = Callable[[str], str]


def status(
    subjects: Sequence[SubjectStatus],
    delivery: Delivery,
    now: float,
    name_of: NameOf = words.mention_of,
) -> Message:
    """How watching goes, for the person who asked."""
    sections: list[Element | None] = []
    for one in subjects[:SUBJECTS]:
        sections += _subject(one, now, name_of)
    if len(subjects) > SUBJECTS:
        sections.append(line(f"and {len(subjects) - SUBJECTS} more subjects"))
    if not subjects:
        sections.append(line("Nothing is watched yet: add a [[subjects]] part to the settings."))
    sections += _delivery(delivery)
    told = [escape(_headline(one, now)) for one in subjects[:5]]
    blocks: list[Block] = [header("Monitoring"), rich(*sections)]
    return fit(Message(f"Monitoring: {'; '.join(told) or 'nothing is watched'}.", tuple(blocks)))


def late(one: SubjectStatus, now: float) -> bool:
    """Whether the last look is longer ago than it should be."""
    return one.at is None or now - one.at > max(10 * one.interval_s, 60.0)


def _headline(one: SubjectStatus, now: float) -> str:
    name = clean(one.label or one.name, 60)
    if one.at is None:
        return f"{name}: not looked at yet"
    if late(one, now):
        return f"{name}: not watched for {span(now - one.at)}"
    return f"{name}: {plural(one.open_tickets, 'open ticket') if one.open_tickets else 'all well'}"


def _subject(one: SubjectStatus, now: float, name_of: NameOf) -> Iterator[Element | None]:
    bad = late(one, now) or one.blind
    sign = "⚪" if one.at is None else "🟠" if bad or one.open_tickets else "🟢"
    yield line(say(f"{sign} {_headline(one, now)}", bold=True))
    rows: list[list[Element | str]] = []
    if one.at is not None:
        counts = f"{one.holds:,} checks hold, {one.broken:,} broken, {one.unknown:,} unknown"
        rows.append([counts])
        pace = f"every {words.pace(one.interval_s)}, took {one.tick_s * 1000:.0f} ms, last "
        rows.append([f"Looked at {pace}", moment(one.at, "{time_secs}")])
    rows += [["Cannot see ", clean(name, 40), ": ", clean(why, 120)] for name, why in one.blind[:3]]
    if one.pause is not None:
        rows.append(list(pieces(_paused(one.pause), name_of)))
    yield bullets(rows)


def _delivery(delivery: Delivery) -> Iterator[Element | None]:
    good = not (delivery.backlog or delivery.parked or delivery.trouble)
    yield line(say(f"{'🟢' if good else '🟠'} Delivery to Slack", bold=True))
    rows: list[list[Element | str]] = []
    if delivery.connected is not None:
        rows.append([plural(delivery.connected, "connection")])
    if delivery.backlog:
        oldest = span(delivery.oldest_s)
        rows.append([f"{plural(delivery.backlog, 'message')} waiting, the oldest for {oldest}"])
    else:
        rows.append(["Nothing is waiting"])
    rows += [["Cannot post to ", clean(c, 80), ": ", clean(w, 200)] for c, w in delivery.parked[:5]]
    if delivery.trouble:
        rows.append([clean(delivery.trouble, 300)])
    yield bullets(rows)


# Maintenance.


def _what(pause: Pause) -> str:
    return clean(pause.subject, 60) or "all clusters"


def _paused(pause: Pause) -> Phrase:
    by = Who(pause.by)
    return ("🔧 Notifications paused by ", by, " until ", At(pause.until), ": ", Data(pause.reason))


def maintenance_started(pause: Pause, name_of: NameOf = words.mention_of) -> Message:
    """Notifications are paused: what for, until when, by whom and why (R7)."""
    told: Phrase = (
        f"🔧 {_what(pause)}: notifications paused by ",
        Who(pause.by),
        " until ",
        At(pause.until),
        ": ",
        Data(pause.reason),
    )
    after = (
        "Watching goes on and tickets open quietly. What gets worse or is resolved is still told; "
        "at the end comes what is still broken."
    )
    resume = button(
        ids.MONITOR_RESUME, "Resume now", ids.maintenance_value(pause.id), label="End the pause"
    )
    blocks = (rich(line(*pieces(told, name_of)), line(after)), actions(resume))
    return fit(Message(markup(told, name_of), blocks if pause.ended_at is None else blocks[:1]))


def maintenance_ended(
    pause: Pause,
    broken: Sequence[Ticket],
    total: int,
    name_of: NameOf = words.mention_of,
) -> Message:
    """Notifications are back; `broken` are the first of `total` tickets that are still open."""
    by: Phrase = (" was ended by ", Who(pause.ended_by)) if pause.ended_by else (" is over",)
    told: Phrase = (
        f"🔧 {_what(pause)}: the pause",
        *by,
        ". ",
        f"{plural(total, 'ticket')} still open:" if total else "Nothing is broken. ✅",
    )
    blocks = (rich(line(*pieces(told, name_of)), ticket_list(broken, total)),)
    worst = f" {escape(clean(broken[0].title, 150))}" if broken else ""
    return fit(Message(f"{markup(told, name_of)}{worst}", blocks))


def ticket_list(tickets: Sequence[Ticket], total: int) -> Element | None:
    """The first tickets of so many, a line each; None if there are none."""
    listed: list[list[Element | str]] = [
        [
            f"{words.sign(one)} Ticket {one.id}, {one.severity}, {words.state(one)}: ",
            f"{clean(one.subject, 40)}, {clean(one.title, 120)}",
        ]
        for one in tickets[:SHOWN]
    ]
    if total > len(listed):
        listed.append([f"and {total - len(listed):,} more: /tickets list"])
    return bullets(listed)


def gap(subject: str, since: float, until: float, opened: int, resolved: int) -> Message:
    """Nobody watched between two times (R16), and what changed meanwhile."""
    told: Phrase = (
        "⚠️ ",
        Data(subject, 60),
        ": not watching from ",
        At(since),
        " to ",
        At(until),
        f" ({span(until - since)}). ",
        _meanwhile(opened, resolved),
    )
    return fit(
        Message(markup(told, words.mention_of), (rich(line(*pieces(told, words.mention_of))),))
    )


def _meanwhile(opened: int, resolved: int) -> str:
    found = []
    if opened:
        found.append(f"{plural(opened, 'ticket')} opened")
    if resolved:
        found.append(f"{plural(resolved, 'ticket')} resolved")
    if not found:
        return "Nothing that was watched has changed since."
    return f"What had changed meanwhile: {', '.join(found)}."


_MONITOR = (
    ("/monitor status", "what is watched, how it goes, and whether messages get through"),
    ("/monitor pause 30m upgrade", "no notifications for 30 minutes; the reason is shown"),
    ("/monitor pause prod 2h upgrade", "the same for one cluster; 8 hours at most"),
    ("/monitor resume", "end the pause now and tell what is still broken"),
    ("/monitor interval 10s", "how often the clusters are asked"),
)


def help_text() -> Message:
    """What /monitor understands."""
    return help_message(
        "Monitoring", _MONITOR, "Watching goes on during a pause; tickets open quietly."
    )
