"""Gathering: frozen, bounded, redacted, masked; a source that fails is a piece that says so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlalchemy as sa
from msgspec import structs

from core import maintenance
from core.clock import ManualClock
from core.db import Database, Tx
from core.diagnosis import evidence
from core.diagnosis.evidence import About, Explains
from core.diagnosis.model import MAX_SNAPSHOT_BYTES, Piece, Query, Reason, Snapshot, canonical
from core.diagnosis.pieces import Filing
from core.errors import Invalid, Unavailable
from core.schema_diagnosis import diagnoses
from core.schema_runs import runs
from core.tickets import store
from core.tickets.model import Ticket
from tests.core.scripted import Bench, Scripted

KEY = "7480000000000000FF055F728000000000FF0000010000000000FA"
Work = Callable[[About, Filing], Awaitable[None]]


async def nothing(about: About, filing: Filing) -> None:
    return None


@dataclass
class Telling(Scripted):
    """A scripted subject that explains itself as the test says."""

    work: Work = nothing
    answer: Callable[[Query], Awaitable[Any]] | None = None
    asked: list[tuple[Query, str]] = field(default_factory=list)
    error: str = ""

    async def explain(self, about: About, filing: Filing) -> None:
        await self.work(about, filing)

    async def ask(self, query: Query, entity: str, window: tuple[float, float]) -> Piece:
        self.asked.append((query, entity))
        content = await self.answer(query) if self.answer is not None else {}
        good = not self.error
        return Piece("", "log", query.text, entity, 0.0, window, content, good, self.error)

    def entities(self) -> tuple[str, ...]:
        return ("store:1",)

    def pd_paths(self) -> tuple[str, ...]:
        return ()

    def readings(self) -> Mapping[str, str]:
        return {}

    def absent(self) -> tuple[str, ...]:
        return ("docker",)


async def opened(db: Database, clock: ManualClock, **how: Any) -> tuple[Bench, Ticket]:
    bench = await Bench.open(db, clock, await _epoch(db), **how)
    bench.subject.breaks("store_down", "store:1", value=2.0, unit="s")
    await bench.ticks(2)
    return bench, await bench.only()


async def _epoch(db: Database) -> int:
    from core import lock

    return await lock.take_epoch(db, "test")


async def gathered(
    db: Database, clock: ManualClock, subject: Any, ticket: Ticket, **more: Any
) -> Snapshot:
    return await evidence.gather(db, clock, subject, ticket, Reason.OPENED, **more)


async def test_a_subject_that_explains_nothing_still_gives_the_ticket(
    db: Database, clock: ManualClock
) -> None:
    bench, ticket = await opened(db, clock)
    made = await gathered(db, clock, bench.subject, ticket)
    assert not isinstance(bench.subject, Explains)
    assert (made.subject, made.invariant, made.entity) == ("prod", "store_down", "store:1")
    piece = made.piece("ticket", "store:1")
    assert piece is not None
    assert piece.content["value"] == 2.0
    assert made.opened_at == ticket.opened_at
    assert made.taken_at == clock.now().timestamp()


async def test_tickets_nearby_and_similar_ones_with_their_outcome_are_told(
    db: Database, clock: ManualClock
) -> None:
    bench, first = await opened(db, clock)
    await db.write(_diagnosed, first.id, "process_killed")
    bench.subject.heals("store_down", "store:1")
    await bench.ticks(40)
    bench.subject.breaks("store_down", "store:2")
    await clock.advance(4000)
    await bench.ticks(2)
    bench.subject.breaks("high_latency", "store:3")
    await bench.ticks(60)
    second = next(one for one in await bench.all() if one.entity == "store:2")
    made = await gathered(db, clock, bench.subject, second)
    near = made.piece("nearby", "store:2", "tickets")
    alike = made.piece("nearby", "store:2", "similar tickets")
    assert near is not None
    assert alike is not None
    assert [one["entity"] for one in near.content["tickets"]] == ["store:3"]
    [past] = alike.content["tickets"]
    assert (past["ticket"], past["cause"], past["outcome"]) == (
        first.id,
        "process_killed",
        "recovered",
    )


def _diagnosed(tx: Tx, ticket_id: int, cause: str) -> None:
    tx.run(
        sa.insert(diagnoses).values(
            ticket_id=ticket_id,
            snapshot_id=1,
            made_at=tx.now,
            made_by="rules",
            reason="opened",
            cause=cause,
            entity="store:1",
            certainty="likely",
            first_look=True,
            told=True,
            seconds=0.1,
            body="{}",
        )
    )


async def test_the_evidence_never_tells_of_an_experiment(
    sqlite_db: Database, clock: ManualClock
) -> None:
    """A diagnosis must earn its answer: neither the run nor its name is anywhere in the snapshot."""
    bench, ticket = await opened(sqlite_db, clock)
    await sqlite_db.write(_experiment)
    made = await gathered(sqlite_db, clock, bench.subject, ticket)
    said = canonical([[one.kind, one.source, one.content] for one in made.pieces])
    assert "kill-a-store" not in said
    assert "chaos" not in said


def _experiment(tx: Tx) -> None:
    tx.run(
        sa.insert(runs).values(
            kind="chaos",
            subject="prod",
            name="kill-a-store",
            target="store:1",
            requested_by="slack:U1",
            state="active",
            created_at=tx.now,
            due_at=tx.now,
            data="{}",
        )
    )


async def test_announced_maintenance_is_told_as_a_change(
    sqlite_db: Database, clock: ManualClock
) -> None:
    bench, ticket = await opened(sqlite_db, clock)
    why = {"for_s": 600.0, "by": "slack:U1", "reason": "disks are replaced"}
    await sqlite_db.write(lambda tx: maintenance.pause(tx, "prod", **why))
    made = await gathered(sqlite_db, clock, bench.subject, ticket)
    piece = made.piece("change", "cluster")
    assert piece is not None
    assert "disks are replaced" in canonical(piece.content)


async def test_what_a_subject_files_comes_redacted_and_masked(
    sqlite_db: Database, clock: ManualClock
) -> None:
    planted = ("hunter2", "s3cretpw", "xoxb-1234567890-abc", KEY, "4711user")

    async def work(about: About, filing: Filing) -> None:
        lines = [
            {"text": "[password=hunter2] connect root:s3cretpw@tcp(10.0.0.1:4000)/x"},
            {"text": f"split at [key={KEY}] by xoxb-1234567890-abc"},
            {"text": "conflict {tableID=72, handle=4711user}"},
        ]
        filing.add("log", "store:1", {"lines": lines, "password": "hunter2"}, source="log")
        filing.add("pd", "pd", None, source="/x", failed=f"at {KEY}: token=hunter2")

    _, ticket = await opened(sqlite_db, clock)
    subject = Telling(clock, work=work)
    made = await gathered(sqlite_db, clock, subject, ticket)
    whole = canonical([[one.content, one.error, one.source] for one in made.pieces])
    assert [one for one in planted if one in whole] == []
    assert whole.count("key#") == 3
    assert made.absent == ("docker",)
    again = await gathered(sqlite_db, clock, subject, ticket)
    assert [one.content for one in again.pieces] == [one.content for one in made.pieces]


async def test_whatever_a_subject_files_the_snapshot_stays_small(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async def work(about: About, filing: Filing) -> None:
        for number in range(60):
            lines = [{"at": 1.0, "text": f"{number} {'x' * 900}"} for _ in range(200)]
            filing.add("log", f"store:{number}", {"lines": lines}, source="log")

    _, ticket = await opened(sqlite_db, clock)
    made = await gathered(sqlite_db, clock, Telling(clock, work=work), ticket)
    assert len(canonical([one.content for one in made.pieces])) <= MAX_SNAPSHOT_BYTES
    assert made.dropped > 0


async def test_what_does_not_fit_is_what_matters_least(
    sqlite_db: Database, clock: ManualClock
) -> None:
    """Filed in any order: the ticket's own log stays, and what was compared; figures of others go."""

    async def work(about: About, filing: Filing) -> None:
        lines = [{"at": 1.0, "text": "x" * 900} for _ in range(200)]
        for number in range(2, 60):
            points = [{"at": float(at), "value": 0.123456789} for at in range(600)]
            filing.add("reading", f"store:{number}", {"now": 1, "points": points}, source="qps")
        filing.add("log", "store:1", {"lines": lines}, source="log")
        filing.add("spread", "cluster", {"total": 3}, source="all stores together")

    _, ticket = await opened(sqlite_db, clock)
    made = await gathered(sqlite_db, clock, Telling(clock, work=work), ticket)
    assert made.dropped > 0
    assert made.piece("log", "store:1") is not None
    assert made.piece("spread", "cluster") is not None
    numbers = [int(one.id[1:]) for one in made.pieces]
    assert numbers == sorted(numbers)


async def test_a_subject_that_hangs_or_fails_is_a_piece_that_says_so(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async def hangs(about: About, filing: Filing) -> None:
        filing.add("probe", "store:1", {"now": {"ok": False}}, source="status port")
        await clock.sleep(1e6)

    async def fails(about: About, filing: Filing) -> None:
        raise Unavailable("nothing answers")

    _, ticket = await opened(sqlite_db, clock)
    task = asyncio.ensure_future(
        gathered(sqlite_db, clock, Telling(clock, work=hangs), ticket, limit_s=1.0)
    )
    while not task.done():
        await asyncio.wait({task}, timeout=0.01)
        await clock.advance(0.5)
    hung = task.result()
    assert hung.piece("probe", "store:1") is not None
    assert "no evidence within" in next(one for one in hung.pieces if not one.ok).error
    failed = await gathered(sqlite_db, clock, Telling(clock, work=fails), ticket)
    assert next(one for one in failed.pieces if not one.ok).error == "nothing answers"


async def test_a_live_answer_is_bounded_redacted_and_masked(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async def answer(query: Query) -> Any:
        return {"lines": [{"text": f"password=hunter2 [key={KEY}]"}] * 2_000}

    subject = Telling(clock, answer=answer)
    found = await evidence.ask(sqlite_db, clock, subject, Query("log", "x"), "store:1", (0.0, 10.0))
    assert found.ok
    assert found.content["cut"] is True
    assert "hunter2" not in canonical(found.content)
    assert KEY not in canonical(found.content)


async def test_why_a_live_answer_failed_is_told_without_secrets(
    sqlite_db: Database, clock: ManualClock
) -> None:
    subject = Telling(clock, error="postgresql://bot:hunter2@db/x refused the connection")
    found = await evidence.ask(sqlite_db, clock, subject, Query("log", "x"), "store:1", (0.0, 10.0))
    assert not found.ok
    assert "refused" in found.error
    assert "hunter2" not in found.error


async def test_a_live_question_that_hangs_is_a_failed_piece(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async def hangs(query: Query) -> Any:
        await clock.sleep(1e6)

    subject = Telling(clock, answer=hangs)
    asking = evidence.ask(
        sqlite_db, clock, subject, Query("promql", "up"), "store:1", (0.0, 1.0), limit_s=1.0
    )
    task = asyncio.ensure_future(asking)
    while not task.done():
        await clock.advance(0.5)
    assert not task.result().ok
    assert task.result().kind == "reading"
    assert "no answer within 1 s" in task.result().error


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("x" * 5_000, (0.0, 1.0)),
        ("up", (10.0, 1.0)),
        ("up", (0.0, 1e9)),
        ("up", (0.0, float("nan"))),
    ],
)
async def test_what_may_not_be_asked_never_reaches_the_subject(
    sqlite_db: Database, clock: ManualClock, text: str, window: tuple[float, float]
) -> None:
    subject = Telling(clock)
    with pytest.raises(Invalid):
        await evidence.ask(sqlite_db, clock, subject, Query("promql", text), "store:1", window)
    assert subject.asked == []


async def test_a_ticket_that_reopened_is_looked_at_from_then_on(
    sqlite_db: Database, clock: ManualClock
) -> None:
    _, ticket = await opened(sqlite_db, clock)
    abouts: list[About] = []

    async def work(about: About, filing: Filing) -> None:
        abouts.append(about)

    again = structs.replace(ticket, reopened_at=ticket.opened_at + 100)
    made = await gathered(sqlite_db, clock, Telling(clock, work=work), again)
    assert made.opened_at == ticket.opened_at + 100
    assert abouts[0].before == made.opened_at - evidence.BEFORE_S
    assert await sqlite_db.read(store.find, ticket.id) is not None
