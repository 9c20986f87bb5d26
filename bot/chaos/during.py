"""Which experiment was under way when something happened."""

from __future__ import annotations

from core.chaos.model import KIND
from core.db import Tx
from core.runs import store

LATEST = 20


def during(tx: Tx, subject: str, at: float) -> str:
    """The experiment that was under way on a subject at `at`: "kill-store, run 7"; "" if none."""
    for run in store.listing(tx, kind=KIND, subject=subject, limit=LATEST):
        if run.active_at is not None and run.active_at <= at:
            over = run.finished_at is not None and run.finished_at < at
            return "" if over else f"{run.name}, run {run.id}"
    return ""
