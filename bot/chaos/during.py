"""Which experiment was under way when something happened."""

from __future__ import annotations

from core.chaos.model import KIND
from core.db import Tx
from core.runs import store


def during(tx: Tx, subject: str, at: float) -> str:
    """The experiment that was under way on a subject at `at`: "kill-store, run 7"; "" if none."""
    run = store.active_at(tx, KIND, subject, at)
    return "" if run is None else f"{run.name}, run {run.id}"
