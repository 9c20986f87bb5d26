"""Looking after the database, and who may touch it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import select
import sqlite3
import stat
from pathlib import Path

import pytest

from bot.manifest import as_yaml, manifest
from core import migrate, settings
from core.clock import SystemClock
from core.db import Database, Tx
from core.lock import hold
from tests.bot.cli.driving import Bench


def test_migrate_creates_a_private_database_and_says_so(empty: Bench) -> None:
    assert "is up to date." in empty.good("migrate")
    assert stat.S_IMODE(empty.db.stat().st_mode) == 0o600
    assert stat.S_IMODE(empty.db.parent.stat().st_mode) == 0o700
    assert empty.good("tickets", "list") == "No unresolved tickets.\n"
    assert "is up to date." in empty.good("migrate")


def test_migrate_waits_for_nobody_and_names_who_holds_the_database(at: Bench) -> None:
    async def while_held() -> str:
        db = Database.open(str(at.db), SystemClock(), lambda _, e: None)
        try:
            async with hold(db, "tocsin serve"):
                return await asyncio.to_thread(at.refused, 1, "migrate")
        finally:
            await db.close()

    said = asyncio.run(while_held())
    assert f"tocsin serve (pid {os.getpid()}" in said
    assert "already uses this database" in said


def test_a_backup_can_be_used_as_it_is(at: Bench) -> None:
    at.breaks("store:1")
    copy = at.folder / "copy.db"
    assert "bytes." in at.good("backup", str(copy))
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert "store:1 is down" in at.good("tickets", "list", "--db", str(copy))


def test_a_backup_overwrites_nothing(at: Bench) -> None:
    kept = at.folder / "kept"
    kept.write_text("precious")
    assert "nothing was overwritten" in at.refused(1, "backup", str(kept))
    assert kept.read_text() == "precious"


def test_a_backup_that_cannot_be_written_leaves_no_half(at: Bench) -> None:
    at.refused(1, "backup", str(at.folder / "no" / "such" / "folder.db"))
    assert "There is no database" in at.refused(1, "backup", "x", db=str(at.folder / "none.db"))
    assert not (at.folder / "none.db").exists()


def _both(tx: Tx, n: int) -> None:
    settings.put(tx, "left", str(n))
    settings.put(tx, f"row {n}", "x" * 500)
    settings.put(tx, "right", str(n))


async def test_a_backup_under_load_is_one_commit_and_not_half_of_one(at: Bench) -> None:
    db = Database.open(str(at.db), SystemClock(), lambda _, e: None)
    written = 0

    async def load() -> None:
        nonlocal written
        while True:
            await db.write(_both, written + 1)
            written += 1

    writing = asyncio.ensure_future(load())
    copies = []
    try:
        for n in range(4):
            before = written
            copy = at.folder / f"copy-{n}.db"
            await migrate.backup(db, copy) if n else await asyncio.to_thread(
                at.good, "backup", str(copy)
            )
            copies.append((copy, before, written))
    finally:
        writing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await writing
        await db.close()
    assert copies[-1][2] > copies[0][1], "nothing was written meanwhile"
    for copy, before, after in copies:
        with contextlib.closing(sqlite3.connect(copy)) as raw:
            found = dict(raw.execute("SELECT name, value FROM settings").fetchall())
            assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        last = int(found.get("left", "0"))
        assert found.get("right", "0") == str(last)
        assert sum(name.startswith("row ") for name in found) == last
        assert before <= last <= after + 1


def test_the_file_of_another_user_is_refused_by_name(at: Bench) -> None:
    if os.geteuid() == 0:
        os.chown(at.db, 65534, 65534)
        foreign, owner = str(at.db), "nobody"
    else:
        foreign, owner = "/etc/passwd", "root"
    for args in (("tickets", "list"), ("migrate",), ("monitor", "run", "--pd", "127.0.0.1:1")):
        said = at.refused(1, *args, "--db", foreign)
        assert f"belongs to user {owner}, not to you" in said
        assert foreign in said


@pytest.mark.parametrize(("answer", "resolved"), [("y", True), ("", False)])
def test_on_a_terminal_resolving_what_is_broken_asks(
    at: Bench, answer: str, resolved: bool
) -> None:
    at.breaks("store:1")
    ours, theirs = pty.openpty()
    process = at.start("tickets", "resolve", "1", stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = b""
    while b"Resolve it anyway? [y/N]:" not in seen:
        assert select.select([ours], [], [], 60)[0], seen
        seen += os.read(ours, 4096)
    assert b"still broken" in seen
    os.write(ours, answer.encode() + b"\n")
    with contextlib.suppress(OSError):
        while chunk := os.read(ours, 4096):
            seen += chunk
    os.close(ours)
    assert process.wait(60) == (0 if resolved else 1)
    assert (b"is resolved" in seen) is resolved
    assert b"Traceback" not in seen
    assert at.json("tickets", "show", "1", "-j")["status"] == ("resolved" if resolved else "open")


def test_a_reader_that_goes_away_is_no_error(at: Bench) -> None:
    at.breaks(*(f"store:{n}" for n in range(300)))
    process = at.start("tickets", "list", "-j")
    assert process.stdout
    assert process.stderr
    process.stdout.read(10)
    process.stdout.close()
    assert process.wait(60) == 0
    assert process.stderr.read() == b""


def test_the_version_and_the_help_are_there(empty: Bench) -> None:
    assert empty.good("--version").startswith("tocsin ")
    for args in ((), ("tickets",), ("monitor",), ("twin",)):
        assert "Usage" in empty.run(*args, "--help").output


def test_the_manifest_is_for_socket_mode_or_for_an_address(empty: Bench) -> None:
    assert empty.good("manifest") == as_yaml(manifest()).rstrip() + "\n"
    assert empty.good("manifest") == Path("manifest.yml").read_text()
    http = empty.good("manifest", "--http", "https://bot.example.com")
    assert "socket_mode_enabled: false" in http
    assert "https://bot.example.com/slack/events" in http


@pytest.mark.parametrize("wrong", ["bot.example.com", "http://bot.example.com", "https://"])
def test_a_manifest_for_what_slack_cannot_call_is_refused(empty: Bench, wrong: str) -> None:
    assert "https://" in empty.refused(2, "manifest", "--http", wrong)
