"""Duplicates, lateness, roles and outages: what a click or command meets on a bad day."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot import blocks, ids
from bot.local.workspace import Workspace
from bot.roles import RoleSettings
from tests.flows.stage import Stage, seen, stage


@pytest.fixture
async def s(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path) as one:
        yield one


async def test_a_click_delivered_twice_counts_once(s: Stage) -> None:
    [number] = await s.breaks("tikv-1")
    s.ws.fault("socket", "duplicate")
    delivery = s.ws.acts.click("ana", "storage-alerts", s.card().ts, ids.TICKET_ACKNOWLEDGE)
    await s.ws.until(lambda: delivery.acks == 2)
    await s.shows("acknowledged")
    assert len(await s.record()) == 1
    assert s.whispers() == []
    assert (await s.ticket(number)).version == 2


async def test_a_command_delivered_twice_gets_the_same_answer_twice(s: Stage) -> None:
    [number] = await s.breaks("tikv-1")
    delivery = s.ws.acts.command("ana", "storage-alerts", "/tickets", f"resolve {number} anyway")
    await s.settled(delivery)
    again = s.ws.deliveries
    first = delivery.answer
    delivery.status = "waiting"
    again._once(delivery, 1, "timeout")
    await s.settled(delivery)
    assert delivery.answer == first
    assert len(await s.record()) == 1


async def test_a_refusal_is_remembered_too(s: Stage) -> None:
    [number] = await s.breaks("tikv-1")
    delivery = s.ws.acts.command("gus", "storage-alerts", "/tickets", f"ack {number}")
    await s.settled(delivery)
    assert "Guests cannot" in delivery.answer["text"]
    delivery.status = "waiting"
    s.ws.deliveries._once(delivery, 1, "timeout")
    await s.settled(delivery)
    assert "Guests cannot" in delivery.answer["text"]
    [only] = await s.record()
    assert only.outcome == "refused"


async def test_a_click_on_a_card_whose_ticket_is_unknown_names_the_nearest(s: Stage) -> None:
    await s.breaks("tikv-1")
    said = await s.rig.slack.web.chat_postMessage(
        channel=s.ws.channel("storage-alerts").id,
        text="card",
        blocks=[blocks.actions(blocks.button(ids.TICKET_DETAILS, "Details", "t:999:1"))],
    )
    await s.click(said["ts"], ids.TICKET_DETAILS)
    assert "There is no ticket 999. Did you mean 1 (tikv-1 is down)?" in await s.whispered()


TYPED = (
    ("", "/tickets list"),
    ("help", "/tickets hold 42"),
    ("lits", "Did you mean list?"),
    ("show", "Which ticket?"),
    ("show 7", "There is no ticket 7"),
    ("show tikv-1", "Did you mean 1 (tikv-1 is down)?"),
    ("show <!channel>", "no ticket mentions it"),
    ("ack 99999999999999999999999", "Ticket numbers are much smaller"),
    ("hold 1 2x because", "is not a duration"),
    ("hold 1 400d", "30 days at most"),
    ("ack 1 2", "takes one ticket number"),
    ("list no-such-word", "No tickets for"),
    ("list critical tikv-1", "tikv-1 is down"),
    ("list held", "No tickets for"),
)


async def test_what_cannot_be_understood_is_answered_with_what_can(s: Stage) -> None:
    await s.breaks("tikv-1")
    for text, answer in TYPED:
        assert answer in await s.command(text), text


async def test_markup_typed_into_a_command_stays_text(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        delivery = s.ws.acts.command("ana", "ops", "/tickets", "<!channel> *x* <@U1>")
        await s.settled(delivery)
        assert "<!channel>" not in delivery.answer["text"]
        assert "<@U1>" not in delivery.answer["text"]


async def test_a_listing_is_paged_with_buttons_in_place(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await s.breaks(*(f"tikv-{n:02}" for n in range(25)))
        # The answer to a command is an ephemeral message that can be clicked.
        await s.command("list")
        first = s.whispers()[-1]
        assert "1 to 10 of 25" in seen(first)
        await s.click(first.ts, ids.LISTING_NEXT)
        await s.ws.until(lambda: "11 to 20 of 25" in seen(s.whispers()[-1]))
        await s.click(s.whispers()[-1].ts, ids.LISTING_NEXT)
        await s.ws.until(lambda: "21 to 25 of 25" in seen(s.whispers()[-1]))
        assert len(s.whispers()) == 1


async def test_a_storm_is_paged_for_the_person_who_asks(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await s.breaks(*(f"tikv-{n:02}" for n in range(25)))
        storm = next(m for m in s.rig.posts() if "25" in seen(m))
        await s.click(storm.ts, ids.STORM_SHOW)
        assert "tikv-00 is down" in await s.whispered()
        assert s.whispers("ben") == []


def roles(ws: Workspace) -> RoleSettings:
    return RoleSettings(True, responder=(ws.user("ben").id,), admin=(ws.user("ana").id,))


async def test_a_viewer_may_look_and_may_not_change(tmp_path: Path) -> None:
    async with stage(tmp_path, roles=roles) as s:
        [number] = await s.breaks("tikv-1")
        assert "tikv-1" in await s.command("list", "chloe")
        said = await s.command(f"ack {number}", "chloe")
        assert "That needs the role responder" in said
        assert "viewer" in said
        await s.click(s.card().ts, ids.TICKET_HOLD, "chloe")
        assert "That needs the role responder" in await s.whispered("chloe")
        assert s.ws.view("chloe") is None
        assert (await s.ticket(number)).acknowledged_by is None
        await s.command(f"ack {number}", "ben")
        assert (await s.ticket(number)).acknowledged_by == s.actor("ben")


async def test_when_slack_does_not_say_who_it_is_nothing_is_changed(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        [number] = await s.breaks("tikv-1")
        s.ws.fault("users.info", "500", times=2)
        said = await s.command(f"ack {number}")
        assert "did not say in time who you are" in said
        assert "tikv-1" in await s.command("list")
        assert "Acknowledged" in await s.command(f"ack {number}") or (
            (await s.ticket(number)).acknowledged_by == s.actor()
        )


async def test_a_connected_team_is_refused(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await s.breaks("tikv-1")
        said = await s.command("list", "fritz", channel="ops")
        assert "its own workspace only" in said


async def test_a_database_that_another_process_locks_is_said_so_in_time(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        [number] = await s.breaks("tikv-1")
        other = sqlite3.connect(tmp_path / "state" / "t.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        try:
            delivery = s.ws.acts.command("ana", "ops", "/tickets", f"ack {number}")
            await s.settled(delivery)
            assert "busy" in delivery.answer["text"]
        finally:
            other.execute("ROLLBACK")
            other.close()
        await s.command(f"ack {number}")
        assert (await s.ticket(number)).acknowledged_by == s.actor()


async def test_an_expired_trigger_is_told_in_words(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await s.breaks("tikv-1")
        s.ws.fault("views.open", "error", error="expired_trigger_id")
        await s.click(s.card().ts, ids.TICKET_HOLD)
        assert "did not let Tocsin open that form in time" in await s.whispered()


async def test_a_used_up_response_url_falls_back_to_an_ephemeral_message(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await s.breaks("tikv-1")
        payload = s.ws.payloads
        made = payload._responses.make
        payload._responses.make = lambda *_a, **_k: "http://127.0.0.1:9/gone"  # the address is dead
        await s.click(s.card().ts, ids.TICKET_DETAILS)
        payload._responses.make = made
        assert "tikv-1" in await s.whispered()
        assert s.ws.calls("chat.postEphemeral")
