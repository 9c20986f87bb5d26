"""Runs as rows: every state and verb, the one live experiment, and what is told of each step."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from core import events
from core.clock import ManualClock
from core.db import Database, Tx
from core.errors import Conflict, NotFound
from core.runs import artefacts, harm, store
from core.runs.model import TRANSITIONS, Outcome, Run, State, Verb, after


def new(tx: Tx, subject: str = "prod", kind: str = "chaos", **how: Any) -> Run:
    plain = {"name": "kill-store", "target": "", "requested_by": "slack:U1", "data": {"n": 1}}
    return store.create(tx, kind=kind, subject=subject, **{**plain, **how})


async def test_a_run_goes_its_way_and_each_step_is_told(db: Database) -> None:
    run = await db.write(new)
    run = await db.write(store.claim, run)
    run = await db.write(store.begin, run, "baseline")
    run = await db.write(store.advance, run, stage="watch", data={"n": 2})
    run = await db.write(store.finish, run, Outcome.SUCCEEDED, {"n": 3, "why": "all well"})
    run = await db.write(store.archive, run)
    run = await db.write(store.report, run)

    assert (run.state, run.outcome, run.stage, run.data["n"]) == (
        State.REPORTED,
        Outcome.SUCCEEDED,
        "watch",
        3,
    )
    found = await db.read(events.since, 0)
    assert [one.kind for one in found] == [
        "run.created",
        "run.claimed",
        "run.active",
        "run.stage",
        "run.finished",
        "run.archived",
        "run.reported",
    ]
    assert {one.data["run_id"] for one in found} == {run.id}
    assert {one.ticket_id for one in found} == {None}
    assert found[4].data["why"] == "all well"


@pytest.mark.parametrize(("state", "verb"), list(itertools.product(State, Verb)))
def test_every_state_and_verb_either_leads_on_or_is_refused(state: State, verb: Verb) -> None:
    if (state, verb) in TRANSITIONS:
        assert after(state, verb) is TRANSITIONS[state, verb]
    else:
        with pytest.raises(Conflict, match=f"A run that is {state} cannot {verb}"):
            after(state, verb)


async def test_the_database_itself_refuses_a_second_live_experiment(db: Database) -> None:
    first = await db.write(new)
    with pytest.raises(Conflict, match=r"kill-store \(run 1\) is under way on prod already"):
        await db.write(new)

    await db.write(new, subject="other")
    await db.write(new, kind="job")
    await db.write(store.finish, first, Outcome.REFUSED, {})
    again = await db.write(new)
    assert again.id != first.id


async def test_a_step_on_what_has_changed_meanwhile_is_a_conflict(db: Database) -> None:
    run = await db.write(new)
    await db.write(store.abort, run.id, "slack:U2", "enough")

    with pytest.raises(Conflict, match="changed meanwhile"):
        await db.write(store.claim, run)


async def test_an_abort_is_noted_once_and_only_while_it_lives(db: Database) -> None:
    run = await db.write(new)
    first = await db.write(store.abort, run.id, "slack:U2", "enough")
    second = await db.write(store.abort, run.id, "slack:U3", "me too")

    assert (second.abort_by, second.abort_reason, second.version) == (
        "slack:U2",
        "enough",
        first.version,
    )
    await db.write(store.finish, second, Outcome.ABORTED, {})
    with pytest.raises(Conflict, match="is over already: aborted"):
        await db.write(store.abort, run.id, "slack:U2")


@pytest.mark.parametrize("number", [7, -1, 2**70])
async def test_a_run_that_is_not_there_names_the_newest(db: Database, number: int) -> None:
    with pytest.raises(NotFound, match="There are no runs yet"):
        await db.read(store.get, number)
    await db.write(new)
    with pytest.raises(NotFound, match=r"The newest are 1 \(kill-store\)"):
        await db.read(store.get, number)


async def test_lists_are_newest_first_and_filter(db: Database) -> None:
    first = await db.write(new)
    await db.write(store.finish, first, Outcome.FAILED, {})
    await db.write(new)
    await db.write(new, subject="other", kind="job")

    async def ids(**how: Any) -> list[int]:
        return [one.id for one in await db.read(store.listing, **how)]

    assert await ids() == [3, 2, 1]
    assert await ids(subject="prod", limit=1) == [2]
    assert await ids(kind="job") == [3]
    assert await ids(states=(State.FINISHED,)) == [1]
    live = await db.read(store.live, "prod")
    assert live is not None
    assert live.id == 2
    assert [one.id for one in await db.read(store.unreported, "chaos")] == [1, 2]


def recorded(tx: Tx, run_id: int, **more: Any) -> Any:
    values = {
        "subject": "prod",
        "kind": "kill",
        "driver": "twin",
        "entity": "store:1",
        "target": {"name": "store-1"},
        "before": {"state": "running"},
        "undo": {"driver": "twin"},
        "lands_until": tx.now + 5,
        "heal_by": tx.now + 30,
    }
    return harm.record(tx, run_id, {**values, **more})


async def test_harm_is_open_until_it_was_seen_healed(db: Database) -> None:
    run = await db.write(new)
    fault = await db.write(recorded, run.id)
    await db.write(harm.armed, fault.id)
    await db.write(harm.inject_started, fault.id, fault.lands_until, fault.heal_by)
    await db.write(harm.inject_returned, fault.id)
    await db.write(harm.heal_started, fault.id)
    await db.write(harm.not_healed, fault.id, "the engine is gone")

    (found,) = await db.read(harm.unhealed, "prod")
    assert (found.open, found.error, found.undo) == (True, "the engine is gone", {"driver": "twin"})
    assert await db.read(harm.unhealed, "other") == []
    await db.write(harm.verified, fault.id, "healed")
    await db.write(harm.verified, fault.id, "vanished")

    found = await db.read(harm.get, fault.id)
    assert (found.open, found.ending, found.error) == (False, "healed", None)
    assert await db.read(harm.unhealed) == []
    told = [one for one in await db.read(events.since, 0) if one.kind == "run.healed"]
    assert [one.data["ending"] for one in told] == ["healed"]
    with pytest.raises(Conflict, match="over already"):
        await db.write(harm.not_healed, fault.id, "too late")


async def test_harm_is_overdue_after_its_time_or_when_healing_takes_long(
    db: Database, clock: ManualClock
) -> None:
    run = await db.write(new)
    slow = await db.write(recorded, run.id, heal_by=clock.now().timestamp() + 600)
    await db.write(recorded, run.id)
    await db.write(harm.heal_started, slow.id)
    await db.write(harm.not_healed, slow.id, "the engine is gone")
    assert await db.read(harm.overdue) == ()

    await clock.advance(5 + harm.HEAL_S + 1)
    (first,) = await db.read(harm.overdue)
    await clock.advance(10)

    assert (first.what, first.why, first.entity) == ("store-1", "the engine is gone", "fault:1")
    assert len(await db.read(harm.overdue)) == 2


async def test_what_old_runs_left_is_forgotten_with_them_but_never_open_harm(
    db: Database, clock: ManualClock
) -> None:
    run = await db.write(new)
    healed = await db.write(recorded, run.id)
    open_one = await db.write(recorded, run.id)
    await db.write(harm.verified, healed.id, "healed")
    await db.write(artefacts.put, run.id, "record.json", "application/json", b"{}")
    for step in (store.archive, store.report):
        if step is store.archive:
            run = await db.write(store.finish, run, Outcome.ABORTED, {})
        run = await db.write(step, run)

    assert await db.write(store.forget_before, clock.now().timestamp()) == 0
    await clock.advance(10)
    assert await db.write(store.forget_before, clock.now().timestamp()) == 1
    assert await db.write(artefacts.forget_orphans) == 1
    assert await db.write(harm.forget_orphans) == 1

    assert [one.id for one in await db.read(harm.unhealed)] == [open_one.id]
