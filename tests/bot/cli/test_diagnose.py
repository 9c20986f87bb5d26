"""What is behind a ticket, from a terminal."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from core import events, lock
from core.db import Database, Tx
from core.diagnosis import budget, packing, store
from core.diagnosis.made import New
from core.diagnosis.model import Reason, Snapshot
from core.diagnosis.rules.decide import diagnose
from core.diagnosis.scenario.file import read
from core.diagnosis.scenario.world import snapshot
from core.schema_diagnosis import snapshots
from tests.bot.cli.driving import Bench, Surroundings
from tests.claude_server import KEY, ClaudeServer, Fails
from tests.core.diagnosis.claude.desk_rig import right, task

SCENARIO = Path(__file__).parents[3] / "scenarios" / "ours" / "killed-by-docker"
OPTED = '[[subjects]]\nname = "prod"\nkind = "tikv"\npd = ["127.0.0.1:1"]\n'


def evidence() -> Snapshot:
    return snapshot(read(SCENARIO))


def stored(at: Bench, ticket: int, *, made: bool = True) -> None:
    def keep(tx: Tx) -> None:
        frozen = evidence()
        number = store.save_snapshot(tx, ticket, frozen)
        if made:
            new = New(ticket, number, diagnose(frozen, first_look=True), Reason.OPENED, 0.1)
            store.save_diagnosis(tx, new)

    async def use(db: Database) -> None:
        await db.write(keep)

    at.asked(use)


def config(at: Bench, claude: ClaudeServer | None, *, opted: bool = True) -> str:
    path = at.folder / "tocsin.toml"
    url = f'base_url = "{claude.url}"\n' if claude else ""
    allows = "diagnosis = {claude = true}\n" if opted else ""
    path.write_text(f"[diagnosis]\nclaude = true\n{url}{OPTED}{allows}")
    return str(path)


def test_what_is_stored_is_shown_certainty_first(at: Bench) -> None:
    [ticket] = at.breaks("store:4")
    stored(at, ticket)
    said = at.good("diagnose", f"#{ticket}")
    assert said.startswith("CONFIRMED: The process of store 4")
    assert "$ docker start tikv-4" in said
    assert "Or out of memory, store 4?" in said
    assert "Made by rules, a first look" in said


def refrozen(at: Bench, frozen: Snapshot, digest: str = "") -> None:
    """The stored evidence is another one than the diagnosis was made from."""

    def change(tx: Tx) -> None:
        packed = packing.pack(frozen)
        row = {"body": packed.body, "digest": digest or packed.digest}
        tx.run(sa.update(snapshots).values(**row))

    async def use(db: Database) -> None:
        await db.write(change)

    at.asked(use)


def test_a_claim_whose_evidence_was_altered_is_struck_as_such(at: Bench) -> None:
    [ticket] = at.breaks("store:4")
    stored(at, ticket)
    whole = at.json("diagnose", str(ticket), "--json")
    main = next(one for one in whole["claims"] if one["weight"] == "main")
    frozen = evidence()
    pieces = tuple(
        replace(one, at=one.at + 1) if one.id == main["check"]["evidence"] else one
        for one in frozen.pieces
    )
    refrozen(at, replace(frozen, pieces=pieces))

    said = at.good("diagnose", str(ticket))
    told = at.json("diagnose", str(ticket), "--json")

    assert whole["struck"] == []
    assert said.startswith("INCONCLUSIVE: ")
    assert f"Struck out: {main['words']} (altered)" in said
    assert (told["certainty"], main in told["claims"]) == ("inconclusive", False)
    assert f"{main['words']} (altered)" in told["struck"]


def test_a_diagnosis_whose_evidence_cannot_be_read_says_that_it_was_not_checked(at: Bench) -> None:
    [ticket] = at.breaks("store:4")
    stored(at, ticket)
    refrozen(at, evidence(), digest="0" * 64)
    told = at.run("diagnose", str(ticket))
    assert told.exit_code == 0
    assert told.stdout.startswith("CONFIRMED: ")
    assert "could not be checked again: The stored evidence is damaged" in told.stderr


def test_the_json_is_the_whole_diagnosis(at: Bench) -> None:
    [ticket] = at.breaks("store:4")
    stored(at, ticket)
    told = at.json("diagnose", str(ticket), "--json")
    assert (told["ticket"], told["id"]) == (ticket, 1)
    assert (told["cause"], told["entity"], told["certainty"]) == (
        *("process_killed", "store:4"),
        "confirmed",
    )
    assert told["claims"][0]["check"]["evidence"].startswith("e")
    assert told["commands"] == ["docker start tikv-4", "pd-ctl -u $PD store 4"]
    assert told["alternatives"][0]["conclusion"]


def test_the_ticket_shows_its_diagnosis_or_why_there_is_none(at: Bench) -> None:
    [ticket, other] = at.breaks("store:4", "store:5")
    stored(at, ticket)
    told = at.json("tickets", "show", str(ticket), "--json")["diagnosis"]
    assert (told["id"], told["cause"], told["certainty"]) == (1, "process_killed", "confirmed")
    assert "confirmed: The process of store 4" in at.good("tickets", "show", str(ticket))

    async def crowd(db: Database) -> None:
        def drop(tx: Tx) -> None:
            from core.diagnosis import calls, looks

            calls.hear(tx, [e for e in events.since(tx, 0) if e.ticket_id == other])
            looks.drop(tx, [1], calls.CROWDED)

        await db.write(drop)

    at.asked(crowd)
    assert "too much at once" in at.good("tickets", "show", str(other))


def test_offline_rules_answer_from_what_is_stored(at: Bench) -> None:
    [ticket] = at.breaks("store:4")
    assert "No evidence of ticket" in at.refused(1, "diagnose", str(ticket), "--offline")
    stored(at, ticket, made=False)
    assert at.good("diagnose", str(ticket), "--offline").startswith("CONFIRMED: ")


def test_what_cannot_be_done_is_said_in_one_line(at: Bench) -> None:
    [ticket] = at.breaks("store:4")
    assert "is not a ticket number" in at.refused(2, "diagnose", "x")
    assert "There is no ticket 99" in at.refused(1, "diagnose", "99")
    assert "not in the configuration" in at.refused(1, "diagnose", str(ticket))
    stored(at, ticket)
    path = config(at, None, opted=False)
    model = ("diagnose", str(ticket), "--config", path, "--model", "claude-haiku-5-5")
    assert "no key" in at.refused(1, *model)
    assert "not opted in" in at.refused(1, *model, ANTHROPIC_API_KEY=KEY)
    assert "no price for the model 'gpt'" in at.refused(
        *(2, "diagnose", str(ticket), "--show-payload", "--offline", "--model", "gpt")
    )


def test_a_symptom_shows_what_is_known_of_its_cause(at: Bench) -> None:
    [ticket] = at.breaks("store:4")
    stored(at, ticket)
    [symptom] = at.breaks("cluster", name="quorum_margin")

    def explain(tx: Tx) -> None:
        from core.tickets.store import t

        tx.run(t.update().where(t.c.id == symptom).values(explained_by=ticket))

    async def use(db: Database) -> None:
        await db.write(explain)

    at.asked(use)
    assert f"explained by ticket {ticket}" in at.good("diagnose", str(symptom))


def test_hostile_evidence_is_harmless_on_a_terminal(at: Bench) -> None:
    [ticket] = at.breaks("store:4")

    def keep(tx: Tx) -> None:
        from dataclasses import replace

        frozen = evidence()
        number = store.save_snapshot(tx, ticket, frozen)
        made = replace(
            diagnose(frozen), primary="gone\x1b[2J\x07[bold]x[/bold]\u202e", risks=("\r",)
        )
        store.save_diagnosis(tx, New(ticket, number, made, Reason.OPENED, 0.1))

    async def use(db: Database) -> None:
        await db.write(keep)

    at.asked(use)
    said = at.good("diagnose", str(ticket))
    assert not {"\x1b", "\x07", "\r", "\u202e"} & set(said)
    assert "[bold]x" in said


async def test_the_payload_is_exactly_what_leaves_and_showing_it_sends_nothing(
    at_async: Any,
) -> None:
    at, ticket = at_async
    about = task("killed-by-docker")
    async with ClaudeServer(right(about)) as claude:
        path = config(at, claude)
        words = ("diagnose", str(ticket), "--config", path, "--model", "claude-haiku-5-5")
        code, shown, err = await asyncio.to_thread(at.ended, *words, "--show-payload")
        assert code == 0, err
        assert claude.raw == []
        key = {"ANTHROPIC_API_KEY": KEY}
        code, said, err = await asyncio.to_thread(at.ended, *words, env=key)
        assert code == 0, err
        assert json.loads(shown) == claude.bodies[0]
        assert shown.encode() == claude.raw[0]
        assert said.startswith("CONFIRMED: Store 4 was killed.")
        assert "turn 1" in err
        assert "tokens, $" in said

    async def spent(db: Database) -> int:
        day = budget.day_of(db.clock.now().timestamp())
        return await db.read(budget.spent_on, day)

    assert await asyncio.to_thread(at.asked, spent) > 0


async def test_when_claude_fails_the_rules_answer_and_the_reason_are_shown(at_async: Any) -> None:
    at, ticket = at_async
    async with ClaudeServer(Fails(401, "authentication_error")) as claude:
        words = ("diagnose", str(ticket), "--config", config(at, claude), "--model")
        key = {"ANTHROPIC_API_KEY": KEY}
        code, said, err = await asyncio.to_thread(at.ended, *words, "claude-sonnet-5-5", env=key)
        assert code == 0, err
        assert said.startswith("CONFIRMED: The process of store 4")
        assert "does not accept" in err


@pytest.fixture
async def at_async(empty: Bench) -> tuple[Bench, int]:
    def prepared() -> int:
        from tests.flows.rig import _prepared

        asyncio.run(_prepared(empty.db))
        empty.db.parent.chmod(0o700)
        [ticket] = empty.breaks("store:4")
        stored(empty, ticket)
        return ticket

    return empty, await asyncio.to_thread(prepared)


async def test_without_stored_evidence_it_is_gathered_from_the_cluster(
    around: Surroundings,
) -> None:
    at = around.bench

    def prepared() -> int:
        from tests.flows.rig import _prepared

        asyncio.run(_prepared(at.db))
        at.db.parent.chmod(0o700)
        return at.breaks("store:1")[0]

    ticket = await asyncio.to_thread(prepared)
    path = str(around.config())
    code, said, err = await around.ended("diagnose", str(ticket), "--config", path, "--json")
    assert code == 0, err
    told = json.loads(said)
    assert told["id"] is None
    assert told["made_by"] == "rules"


def kinds(at: Bench) -> list[tuple[str, str | None]]:
    """What people did to diagnoses, and who."""

    async def use(database: Database) -> list[events.Event]:
        return await database.read(events.since, 0)

    said = ("diagnosis.asked", "diagnosis.feedback", "diagnosis.stopped")
    return [(one.kind, (one.actor or "")[:4]) for one in at.asked(use) if one.kind in said]


def test_what_the_buttons_of_a_diagnosis_do_a_command_does(at: Bench) -> None:
    [ticket] = at.breaks("store:4")
    assert "has no diagnosis yet" in at.refused(1, "diagnose", str(ticket), "--useful")
    stored(at, ticket)
    assert at.good("diagnose", str(ticket), "--useful") == (
        "Noted: diagnosis 1 was useful to you.\n"
    )
    assert "was not useful to you" in at.good("diagnose", str(ticket), "--useless")
    assert "No process holds this database" in at.refused(1, "diagnose", str(ticket), "--again")
    assert "Nothing looks into ticket" in at.good("diagnose", str(ticket), "--stop")
    assert kinds(at) == [("diagnosis.feedback", "cli:")] * 2


def test_another_look_is_left_to_whoever_holds_the_database_and_can_be_stopped(at: Bench) -> None:
    [ticket] = at.breaks("store:4")
    stored(at, ticket)

    async def beside(database: Database) -> tuple[str, str, str]:
        async with lock.hold(database, "tocsin serve"):
            said = [
                await asyncio.to_thread(at.good, "diagnose", str(ticket), word)
                for word in ("--again", "--stop", "--stop")
            ]
        return said[0], said[1], said[2]

    asked, stopped, nothing = at.asked(beside)
    assert f"Ticket {ticket} is looked into again" in asked
    assert "stops at its next step" in stopped
    assert "Nothing looks into ticket" in nothing
    assert kinds(at) == [("diagnosis.asked", "cli:"), ("diagnosis.stopped", "cli:")]


def test_only_one_thing_is_done_at_a_time(at: Bench) -> None:
    [ticket] = at.breaks("store:4")
    for more in ("--useless", "--json", "--offline", "--show-payload", "--model=x"):
        assert "stands alone" in at.refused(2, "diagnose", str(ticket), "--useful", more)
    assert kinds(at) == []


async def test_its_checks_are_run_again_on_the_cluster(around: Surroundings) -> None:
    at = around.bench

    def prepared() -> int:
        from tests.flows.rig import _prepared

        asyncio.run(_prepared(at.db))
        at.db.parent.chmod(0o700)
        [ticket] = at.breaks("store:4")
        stored(at, ticket)
        return ticket

    ticket = await asyncio.to_thread(prepared)
    away = await asyncio.to_thread(at.refused, 1, "diagnose", str(ticket), "--recheck")
    assert "is not in the configuration: give --config." in away
    path = str(around.config())
    code, said, err = await around.ended("diagnose", str(ticket), "--config", path, "--recheck")
    assert code == 0, err
    first, *rows, last = said.splitlines()
    assert first.startswith(f"Diagnosis 1 of ticket {ticket} checked again: ")
    assert "still hold" in first
    assert rows
    assert all(": then " in one and ", now " in one for one in rows)
    assert last.startswith("Then is ")
