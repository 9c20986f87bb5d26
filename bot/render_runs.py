"""The messages of runs, as things are now: card, report, picture, and plans that were skipped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from bot.blocks import Message
from bot.chaos.facts import Planned
from bot.chaos.look import shown
from bot.chaos.views import card, lists, report
from bot.delivery_runs import CARD, MISSED, REPORT, run_of
from bot.sender_call import PICTURE
from bot.tickets.look import Surroundings
from core.db import Tx
from core.outbox import Row
from core.runs import artefacts, store

Draw = Callable[[Tx, Row, Surroundings], Message | None]


def run(tx: Tx, row: Row, around: Surroundings) -> Message | None:
    """A run's card."""
    found = store.find(tx, run_of(row.ref) or 0)
    if found is None:
        return None
    doubt = bool(row.data.get("possible_duplicate"))
    return card.card(replace(shown(tx, found, around), possible_duplicate=doubt))


def run_report(tx: Tx, row: Row, around: Surroundings) -> Message | None:
    """A run's report."""
    found = store.find(tx, run_of(row.ref) or 0)
    return None if found is None else report.report(shown(tx, found, around))


def run_picture(tx: Tx, row: Row, _around: Surroundings) -> Message | None:
    """The title of a run's picture; the picture itself is uploaded (bot.sender_call)."""
    run_id = run_of(row.ref) or 0
    found = store.find(tx, run_id)
    if found is None or str(row.data["name"]) not in artefacts.names(tx, run_id):
        return None
    return Message(f"Timeline of {found.name} (run {run_id})")


def run_missed(_tx: Tx, row: Row, around: Surroundings) -> Message | None:
    """A planned experiment that was skipped."""
    data = row.data
    plan = Planned(
        number=int(data.get("number", 0)),
        name=str(data.get("name", "")),
        subject=around.label(str(data.get("subject", ""))),
        target=str(data.get("target") or ""),
        cron=str(data.get("cron", "")),
        zone=str(data.get("zone", "")),
        hours=str(data.get("hours") or ""),
        next_at=data.get("next_at"),
        by=str(data.get("by", "tocsin")),
    )
    return lists.missed(plan, float(data.get("due_at", 0.0)), str(data.get("why", "")))


KINDS: Mapping[str, Draw] = {
    CARD: run,
    REPORT: run_report,
    PICTURE: run_picture,
    MISSED: run_missed,
}
