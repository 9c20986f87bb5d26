"""Whatever a diagnosis' buttons do, by command; and its checks run again, by both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot import ids
from bot.roles import RoleSettings
from core.diagnosis import recheck, store
from core.diagnosis.model import Reason
from core.diagnosis.recheck import Rechecked
from core.errors import Unavailable
from core.tickets import store as tickets
from tests.flows.diagnosing import Investigator, evidence
from tests.flows.stage import Stage, read, seen, stage
from tests.flows.test_diagnosis import replied, thread, told


async def later(diagnosis_id: int) -> Rechecked:
    """The store is back: what the checks find now."""
    who = Investigator(None)  # type: ignore[arg-type]
    made = who.thought(Reason.OPENED)
    return recheck.again(diagnosis_id, made, evidence(), evidence("control-noisy-log"))


@pytest.fixture
async def s(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, recheck=later) as one:
        yield one


async def test_a_recheck_shows_then_and_now_to_whoever_asked(s: Stage) -> None:
    number, message, _ = await told(s)
    await s.click(message.ts, ids.DIAGNOSIS_RECHECK, "ben")
    said = await s.whispered("ben")
    assert "still hold" in said
    assert "not so any more" in said
    assert len(thread(s)) == 1
    await s.ws.settled(s.ws.acts.command("ana", "storage-alerts", "/tickets", f"recheck {number}"))
    assert "still hold" in await s.whispered("ana")


async def test_a_recheck_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    async def away(_diagnosis_id: int) -> Rechecked:
        raise Unavailable("The subject 'prod' is not watched here any more.")

    async with stage(tmp_path, recheck=away) as s:
        _, message, _ = await told(s)
        await s.click(message.ts, ids.DIAGNOSIS_RECHECK)
        assert "is not watched here any more" in await s.whispered()


async def test_why_opens_the_reasoning_of_the_newest_diagnosis(s: Stage) -> None:
    number, _, who = await told(s)
    who.shows = "paused"
    await who.makes(number, Reason.SOON)
    await s.ws.settled(s.ws.acts.command("ana", "storage-alerts", "/tickets", f"why {number}"))
    view = await s.ws.until(lambda: s.ws.view("ana"))
    assert view["title"]["text"] == "Diagnosis 2"
    assert "Confirmed" in read(view["blocks"])


async def test_votes_by_command_stand_on_the_message(s: Stage) -> None:
    number, _, _ = await told(s)
    assert "was useful to you" in await s.command(f"useful {number}")
    await s.ws.until(lambda: "Useful · 1" in seen(thread(s)[0]))
    assert "was not useful to you" in await s.command(f"useless {number}")
    [made] = await s.db.read(store.of_ticket, number)
    assert (made.useful, made.useless) == (0, 1)


async def test_stop_by_command_stops_what_works(s: Stage) -> None:
    number, message, who = await told(s)
    assert "Nothing looks into ticket" in await s.command(f"stop {number}")
    await s.click(message.ts, ids.DIAGNOSIS_AGAIN)
    look = await who.begins()
    assert "stops at its next step" in await s.command(f"stop {number}")
    assert "Nothing looks into ticket" in await s.command(f"stop {number}")
    assert look


@pytest.mark.parametrize("verb", ["why", "recheck", "useful", "useless"])
async def test_what_has_no_diagnosis_says_how_to_get_one(s: Stage, verb: str) -> None:
    [number] = await s.breaks("tikv-4")
    said = await s.command(f"{verb} {number}")
    assert f"has no diagnosis yet. /tickets diagnose {number} asks for one" in said
    assert "There is no ticket 4711" in await s.command(f"{verb} 4711")
    assert "Which ticket?" in await s.command(verb)


async def test_a_viewer_may_ask_and_vote_but_not_stop(tmp_path: Path) -> None:
    def roles(ws: object) -> RoleSettings:
        return RoleSettings(given=True, responder=(ws.user("ana").id,))  # type: ignore[attr-defined]

    async with stage(tmp_path, roles=roles) as s:
        number, message, who = await told(s)
        await s.click(message.ts, ids.DIAGNOSIS_USEFUL, "ben")
        await s.click(message.ts, ids.DIAGNOSIS_AGAIN, "ben")
        assert await who.begins()
        assert "needs the role responder" in await s.command(f"stop {number}", "ben")
        assert (await s.ticket(number)).acknowledged_by is None


async def test_a_question_of_somebody_is_seen_in_the_history(s: Stage) -> None:
    number, _, who = await told(s)
    await s.db.write(store.ask, number, s.actor("ben"), "why?")
    await who.looks()
    await replied(s, 2)
    said = await s.command(f"show {number}")
    assert "asked:  why?" in said or "asked: why?" in said
    assert await s.db.read(tickets.find, number)
