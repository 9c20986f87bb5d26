"""Claude after the rules: over real HTTP, visible, stoppable, within budget, and never at their cost."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.clock import SystemClock
from core.db import Database
from core.diagnosis import ask_model, budget, store
from core.diagnosis.budget import Caps
from core.diagnosis.claude.settings import ClaudeSettings
from core.diagnosis.made import Made
from core.diagnosis.settings import Allowed
from core.errors import Unavailable
from core.invariant import Severity
from tests.claude_server import HANG, KEY, ClaudeServer, Fails, Step, Turn, answers, calls, claim
from tests.core.diagnosis.bench import ANA, Diagnosing, close, diagnosing, worsen

CONTAINER = "e4"
EXITED = claim(CONTAINER, "store:1", "now.exit_code", "equals", 137, words="It ended by SIGKILL.")
RIGHT = answers(
    "process_killed", "store:1", EXITED, certainty="confirmed", primary="It was killed."
)
OTHER = answers(
    "out_of_memory", "store:1", EXITED, certainty="likely", primary="It ran out of memory."
)
MUCH = Caps(10_000_000, 100_000_000)


class Flaky(Database):
    """Out of reach whenever what came of asking is to be kept, so many times."""

    refusals = 0

    async def write_as(self, epoch: int, change: Any, /, *args: Any, **how: Any) -> Any:
        if change is ask_model._ended and self.refusals:
            self.refusals -= 1
            raise Unavailable("The database has been busy for too long; try again.")
        return await super().write_as(epoch, change, *args, **how)


@asynccontextmanager
async def asking(
    db: Database,
    *script: Step,
    opened: type[Database] = Database,
    caps: Caps = MUCH,
    subjects: tuple[str, ...] = ("prod",),
    **how: Any,
) -> AsyncIterator[tuple[Diagnosing, ClaudeServer]]:
    clock = SystemClock()
    own = opened.open(str(db.url.database), clock, lambda *_: None)
    async with ClaudeServer(*script) as claude:
        settings = ClaudeSettings(
            api_key=KEY, base_url=claude.url, **({"larger": "", "quiet_s": 5.0, "retries": 0} | how)
        )
        allowed = Allowed(settings, frozenset(subjects), caps)
        async with diagnosing(own, clock, allowed=allowed) as bench:
            yield bench, claude
        assert bench.errors == []
    await own.close()


async def diagnosed(bench: Diagnosing) -> list[Made]:
    ticket = await bench.open()
    await bench.idle(20)
    return await bench.made(ticket)


async def test_the_rules_answer_first_and_claude_after_them(sqlite_db: Database) -> None:
    async with asking(sqlite_db, RIGHT) as (bench, claude):
        rules, model = await diagnosed(bench)

        assert (rules.made_by, model.made_by) == ("rules", "claude-sonnet-5-5")
        assert model.diagnosis.primary == "It was killed."
        # Its first word is told even where it agrees: the reasons are its own.
        assert model.told
        assert model.investigation_id == rules.investigation_id
        assert model.spent is not None
        assert model.spent.calls == 1
        assert model.spent.micro_dollars > 0
        assert rules.spent is None
        [began, *_] = await bench.events("diagnosis.progress")
        assert began.data["investigation_id"] == rules.investigation_id
        assert began.data["max_turns"] == 8
        [ended] = await bench.events("diagnosis.ended")
        assert (ended.data["ended"], ended.data["diagnosis_id"]) == ("done", model.id)
        assert ended.data["micro_dollars"] == model.spent.micro_dollars
        [row] = await bench.rows("done")
        assert row.error is None
        assert len(claude.bodies) == 1
        assert b'maker="claude"' in bench.metrics.page()


async def test_an_answer_that_cannot_be_kept_at_once_is_not_paid_for_again(
    sqlite_db: Database,
) -> None:
    async with asking(sqlite_db, RIGHT, OTHER, opened=Flaky) as (bench, claude):
        assert isinstance(bench.db, Flaky)
        bench.db.refusals = 2
        _, model = await diagnosed(bench)

        assert bench.db.refusals == 0
        assert model.diagnosis.primary == "It was killed."
        assert len(claude.bodies) == 1
        [row] = await bench.rows("done")
        assert (row.attempts, row.error) == (1, None)


async def test_live_answers_are_kept_with_the_evidence(sqlite_db: Database) -> None:
    wanted = calls(("ask_metric", {}), ("no_such_tool", {}))
    async with asking(sqlite_db, wanted, RIGHT) as (bench, claude):
        _, model = await diagnosed(bench)
        names = {one["name"] for one in claude.bodies[0]["tools"]}
        assert any(
            "live" in one or "quer" in one or "metric" in one or "pd" in one for one in names
        )
        frozen = await bench.db.read(store.snapshot, model.snapshot_id)
        assert all(c.check.evidence in frozen.by_id for c in model.diagnosis.claims)


async def test_a_subject_that_did_not_opt_in_is_never_told_of(sqlite_db: Database) -> None:
    async with asking(sqlite_db, RIGHT, subjects=("staging",)) as (bench, claude):
        [rules] = await diagnosed(bench)
        assert rules.made_by == "rules"
        assert claude.raw == []


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (Fails(529, "overloaded_error"), "overload"),
        (Fails(401, "authentication_error"), "key"),
        (Turn((), stop="refusal"), ""),
        (Turn(({"type": "text", "text": "no JSON"},)), ""),
        (Turn(({"type": "text", "text": "cut"},), cut=2), ""),
    ],
)
async def test_whatever_claude_does_the_rules_answer_stands_and_people_hear_why(
    sqlite_db: Database, script: Step, why: str
) -> None:
    async with asking(sqlite_db, script) as (bench, _):
        [rules] = await diagnosed(bench)
        assert rules.diagnosis.cause == "process_killed"
        [ended] = await bench.events("diagnosis.ended")
        assert ended.data["ended"] == "failed"
        assert ended.data["why"]
        [row] = await bench.rows("done")
        assert row.error == ended.data["why"]
        assert await bench.rows("working") == []


async def test_a_later_look_that_says_the_same_costs_nothing(sqlite_db: Database) -> None:
    async with asking(sqlite_db, RIGHT) as (bench, claude):
        ticket = await bench.open(severity=Severity.WARNING)
        await bench.idle(20)
        await bench.db.write(worsen, ticket)
        await bench.idle(20)
        made = await bench.made(ticket)
        assert [one.made_by for one in made] == ["rules", "claude-sonnet-5-5", "rules"]
        assert len(claude.bodies) == 1
        # What changed is asked about again.
        bench.subject.well = True
        await bench.db.write(store.ask, ticket, ANA)
        await bench.idle(20)
        assert len(claude.bodies) == 2


async def test_a_verdict_that_does_not_stand_is_not_told(sqlite_db: Database) -> None:
    async with asking(sqlite_db, OTHER) as (bench, _):
        [rules] = await diagnosed(bench)
        assert rules.diagnosis.cause == "process_killed"
        [ended] = await bench.events("diagnosis.ended")
        assert ended.data["ended"] == "failed"
        assert "does not stand" in ended.data["why"]


async def test_stop_ends_it_and_the_rules_answer_stands(sqlite_db: Database) -> None:
    async with asking(sqlite_db, HANG) as (bench, claude):
        ticket = await bench.open()
        async with asyncio.timeout(10):
            while not claude.raw:
                await asyncio.sleep(0.01)
        [working] = await bench.rows("working")
        assert await bench.db.write(store.stop, working.id, ANA)
        await bench.idle(10)
        assert len(await bench.made(ticket)) == 1
        [ended] = await bench.events("diagnosis.ended")
        assert ended.data["ended"] == "stopped"
        [row] = await bench.rows("done")
        assert row.stopped_by == ANA


async def test_when_the_days_money_is_nearly_spent_only_people_may_spend_it(
    sqlite_db: Database,
) -> None:
    async with asking(sqlite_db, RIGHT, caps=Caps(1_000_000, 499_999)) as (bench, claude):
        [rules] = await diagnosed(bench)
        assert claude.raw == []
        [row] = await bench.rows("done")
        assert "rules alone until 00:00 UTC" in row.error
        assert await bench.events("diagnosis.progress") == []
        await bench.db.write(store.ask, rules.ticket_id, ANA)
        await bench.idle(20)
        assert len(claude.raw) == 1


async def test_over_the_days_budget_nothing_is_sent_and_who_asked_hears_why(
    sqlite_db: Database,
) -> None:
    async with asking(sqlite_db, RIGHT, caps=Caps(10_000_000, 10)) as (bench, claude):
        [rules] = await diagnosed(bench)
        await bench.db.write(store.ask, rules.ticket_id, ANA)
        await bench.idle(20)
        assert claude.raw == []
        [ended] = await bench.events("diagnosis.ended")
        assert "a day" in ended.data["why"]


async def test_a_service_that_refuses_the_key_is_left_alone_unless_somebody_asks(
    sqlite_db: Database,
) -> None:
    async with asking(sqlite_db, Fails(401, "authentication_error")) as (bench, claude):
        await diagnosed(bench)
        second = await bench.open("store:2")
        await bench.idle(20)
        assert len(claude.raw) == 1
        assert len(await bench.events("diagnosis.ended")) == 1
        assert "failed a moment ago" in (await bench.rows("done"))[-1].error
        await bench.db.write(store.ask, second, ANA)
        await bench.idle(20)
        assert len(claude.raw) == 2


async def test_what_was_spent_is_what_the_calls_cost(sqlite_db: Database) -> None:
    async with asking(sqlite_db, Fails(529), RIGHT, retries=1) as (bench, _):
        await diagnosed(bench)
        [ended] = await bench.events("diagnosis.ended")
        today = budget.day_of(bench.clock.now().timestamp())
        assert await bench.db.read(budget.spent_on, today) == ended.data["micro_dollars"]


async def test_a_question_is_answered_once_by_claude_with_citations(sqlite_db: Database) -> None:
    said = answers("process_killed", "store:1", EXITED, answer=f"Docker says 137 [{CONTAINER}].")
    async with asking(sqlite_db, RIGHT, said) as (bench, claude):
        ticket = (await diagnosed(bench))[0].ticket_id
        await bench.db.write(store.ask, ticket, ANA, "what did docker say?")
        await bench.idle(20)
        last = (await bench.made(ticket))[-1]
        assert last.question == "what did docker say?"
        assert last.answer is not None
        assert "137" in last.answer.words
        assert last.answer.cited == (CONTAINER,)
        assert len(await bench.events("ticket.answered")) == 1
        assert "what did docker say?" in str(claude.bodies[-1])


async def test_a_question_that_claude_cannot_answer_is_answered_by_rules_with_the_reason(
    sqlite_db: Database,
) -> None:
    async with asking(sqlite_db, RIGHT, Fails(401, "authentication_error")) as (bench, _):
        ticket = (await diagnosed(bench))[0].ticket_id
        await bench.db.write(store.ask, ticket, ANA, "why?")
        await bench.idle(20)
        last = (await bench.made(ticket))[-1]
        assert last.answer is not None
        assert last.answer.words.startswith("It was killed.")
        assert last.answer.words.count("\n\n") == 1


async def test_asking_about_a_closed_ticket_uses_what_was_frozen_and_no_live_tools(
    sqlite_db: Database,
) -> None:
    async with asking(sqlite_db, RIGHT) as (bench, claude):
        ticket = (await diagnosed(bench))[0].ticket_id
        tools = len(claude.bodies[0]["tools"])
        await bench.db.write(close, ticket)
        await bench.db.write(store.ask, ticket, ANA)
        await bench.idle(20)
        assert len(claude.bodies[1]["tools"]) < tools


async def test_a_process_killed_while_it_asked_goes_on_from_the_rules_answer(
    sqlite_db: Database,
) -> None:
    async with asking(sqlite_db, HANG) as (bench, claude):
        ticket = await bench.open()
        async with asyncio.timeout(10):
            while not claude.raw:
                await asyncio.sleep(0.01)
    async with asking(sqlite_db, RIGHT) as (bench, claude):
        await bench.idle(20)
        made = await bench.made(ticket)
        assert [one.made_by for one in made] == ["rules", "claude-sonnet-5-5"]
        assert made[0].snapshot_id == made[1].snapshot_id
        assert len(claude.bodies) == 1


async def test_tickets_wait_for_the_model_and_not_for_each_others_rules(
    sqlite_db: Database,
) -> None:
    async with asking(sqlite_db, HANG) as (bench, claude):
        tickets = [await bench.open(f"store:{n}") for n in range(1, 7)]
        async with asyncio.timeout(15):
            while len(claude.raw) < 2 or not all([await bench.made(one) for one in tickets]):
                await asyncio.sleep(0.02)
        assert len(claude.raw) == 2
        # Who asks does not wait for them.
        await bench.db.write(store.ask, tickets[5], ANA)
        async with asyncio.timeout(15):
            while len(claude.raw) < 3:
                await asyncio.sleep(0.02)


def test_without_a_key_anthropic_is_never_loaded(tmp_path: Path) -> None:
    script = """
import asyncio, sys
from core import migrate
from core.clock import SystemClock
from core.config import load
from core.wiring import hold_core
from core.metrics import Metrics
from core.tasks import Tasks
from tests.core.diagnosis.bench import open_tickets
from core.diagnosis import store
import core.diagnosis.worker
async def main():
    config = load(database=sys.argv[1])
    async with hold_core(config, SystemClock(), "test", Metrics()) as core:
        core.worker.means.subjects["prod"] = core.own
        tasks = Tasks(lambda name, error: print(name, error))
        core.engine.start(tasks)
        [ticket] = await core.db.write(open_tickets, ["store:1"])
        number = await core.db.write(store.ask, ticket, "cli:x", "why?")
        while len(await core.db.read(store.of_ticket, ticket)) < 2:
            await asyncio.sleep(0.02)
        await tasks.cancel()
    print("loaded" if "anthropic" in sys.modules else "clean")
asyncio.run(main())
"""
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "t.db")],
        cwd=root, env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(root)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout.split()[-1:] == ["clean"], done.stderr


def test_opting_in_is_not_enough_without_a_key() -> None:
    assert Allowed().model_for("prod") is None
    assert replace(Allowed(), subjects=frozenset(("prod",))).model_for("prod") is None
