"""Announced quiet, from a terminal."""

from __future__ import annotations

import pytest

from core import maintenance, schema
from core.db import Database, Tx
from tests.bot.cli.driving import Bench


@pytest.fixture
def watched(at: Bench) -> Bench:
    """A database in which prod and conf are watched."""

    def add(tx: Tx) -> None:
        for name in ("prod", "conf"):
            row = {"name": name, "kind": "tikv", "carry": "{}", "removed_at": None}
            seen = {"first_seen_at": tx.now, "last_tick_at": tx.now}
            tx.upsert(schema.subjects, row | seen, ["name"])

    async def use(database: Database) -> None:
        await database.write(add)

    at.asked(use)
    return at


def paused(at: Bench) -> list[tuple[str | None, str, str]]:
    async def use(database: Database) -> list[maintenance.Maintenance]:
        return await database.read(maintenance.active)

    return [(one.subject, one.reason, one.by[:4]) for one in at.asked(use)]


def test_a_pause_has_a_subject_an_end_and_a_reason(watched: Bench) -> None:
    said = watched.good("monitor", "pause", "prod", "30m", "new", "disks")
    assert said.startswith("Notification of prod is paused until ")
    assert said.endswith(": new disks\n")
    assert paused(watched) == [("prod", "new disks", "cli:")]
    assert "of everything is paused" in watched.good("monitor", "pause", "2h", "upgrade")
    assert len(paused(watched)) == 2


def test_a_pause_that_cannot_be_is_refused_with_an_example(watched: Bench) -> None:
    assert "tocsin monitor pause 30m" in watched.refused(2, "monitor", "pause", "30m")
    assert "8 hours at most" in watched.refused(2, "monitor", "pause", "9h", "too long")
    assert "no subject called nosuch" in watched.refused(1, "monitor", "pause", "nosuch", "1h", "x")
    assert paused(watched) == []


def test_resuming_ends_one_pause_or_all(watched: Bench) -> None:
    for words in (("prod", "1h", "a"), ("conf", "1h", "b")):
        watched.good("monitor", "pause", *words)
    assert watched.good("monitor", "resume", "prod") == "Notification is on again.\n"
    assert [one[0] for one in paused(watched)] == ["conf"]
    assert "Paused now: conf." in watched.refused(1, "monitor", "resume", "prod")
    watched.good("monitor", "resume")
    assert paused(watched) == []
    assert watched.good("monitor", "resume") == "Nothing is paused.\n"
