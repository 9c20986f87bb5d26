"""Slack fails in every way it knows: nothing is lost, nothing is posted twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.local.cast import Config, Limits
from bot.local.server import LocalServer
from bot.local.workspace import Workspace
from core import channels, outbox
from core.clock import ManualClock
from core.db import Tx
from core.invariant import Severity
from core.outbox import Effect, Priority
from core.tickets import deadlines, store
from tests.flows.rig import CHANNEL, OPS, Rig, invariant, rig

POST = "chat.postMessage"
UPDATE = "chat.update"


@pytest.fixture
async def r(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path) as made:
        yield made
        assert made.errors == []


@pytest.fixture
async def slow(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path, clock=ManualClock()) as made:
        yield made
        assert made.errors == []


def kinds(r: Rig, channel: str = CHANNEL) -> list[str]:
    return [p.metadata["event_payload"]["kind"] for p in r.posts(channel)]


async def delivered_once(r: Rig) -> None:
    """One card, and it is known as delivered."""
    async with asyncio.timeout(10):
        while (row := (await r.db.read(outbox.by_ref, "ticket:1"))[0]).state != "sent":
            await asyncio.sleep(0.01)
    assert kinds(r) == ["card"]
    assert row.ts == r.posts()[0].ts


AMBIGUOUS = ("500", "502", "503", "html", "empty", "truncated", "reset_before", "reset_after")


@pytest.mark.parametrize("fault", AMBIGUOUS)
async def test_a_post_of_unknown_outcome_is_looked_up_and_is_there_once(r: Rig, fault: str) -> None:
    r.ws.fault(POST, fault)
    await r.breaks("store-1")
    await r.posted(1)
    await delivered_once(r)
    assert r.calls("conversations.history") == 1


async def test_a_post_that_lands_after_its_connection_broke_is_adopted(r: Rig) -> None:
    """The settle time is there for this one."""
    r.ws.fault(POST, "late", seconds=0.1)
    await r.breaks("store-1")
    await r.posted(1)
    await delivered_once(r)
    assert r.calls(POST) == 1


async def test_a_post_that_hangs_is_given_up_in_time_and_adopted_if_it_worked(r: Rig) -> None:
    r.ws.fault(POST, "hang_after")
    await r.breaks("store-1")
    await r.posted(1)
    await delivered_once(r)
    assert r.calls(POST) == 1


async def test_a_reply_of_unknown_outcome_is_looked_up_in_its_thread(r: Rig) -> None:
    await r.breaks("store-1")
    (card,) = await r.posted(1)
    r.ws.fault(POST, "reset_after")
    await r.db.write(store.acknowledge, 1, "slack:U1")
    await r.until(lambda: r.calls("conversations.replies") == 1)
    await r.idle()
    assert len(r.ws.replies(CHANNEL, card.ts)) == 1


@pytest.mark.parametrize("fault", ["500", "reset_before", "reset_after"])
async def test_an_edit_of_unknown_outcome_is_repeated_with_the_newest_state(
    r: Rig, fault: str
) -> None:
    await r.breaks("store-1")
    await r.posted(1)
    r.ws.fault(UPDATE, fault)
    await r.db.write(store.acknowledge, 1, "slack:U1")
    await r.until(lambda: r.calls(UPDATE) == 2)
    await r.idle()
    assert "acknowledged" in r.posts()[0].text
    assert r.calls("conversations.history") == 0


async def test_a_429_pauses_posts_until_its_time_is_over_and_edits_go_on(slow: Rig) -> None:
    await slow.breaks("store-1")
    await slow.moved(5)
    slow.ws.fault(POST, "429", retry_after=30)
    await slow.breaks("store-2")
    await slow.moved(2)
    await slow.db.write(store.acknowledge, 1, "slack:U1")
    await slow.moved(25)
    assert kinds(slow) == ["card"]
    assert "acknowledged" in slow.posts()[0].text
    assert slow.calls(POST) == 2
    await slow.moved(6)
    assert kinds(slow) == ["card", "card"]


@pytest.mark.parametrize("header", ["soon", "-5", "", "nan"])
async def test_a_senseless_retry_after_is_a_few_seconds(slow: Rig, header: str) -> None:
    slow.ws.fault(POST, "429", retry_after=header, times=2)
    await slow.breaks("store-1")
    await slow.moved(14)
    assert kinds(slow) == ["card"]
    assert slow.calls(POST) == 3


async def test_two_refusals_in_a_row_cost_two_calls_and_no_order(slow: Rig) -> None:
    slow.ws.fault(POST, "429", retry_after=1, times=2)
    await slow.breaks("store-1", "store-2", "store-3")
    await slow.moved(12)
    refs = [p.metadata["event_payload"]["ref"] for p in slow.posts()]
    assert refs == ["ticket:1", "ticket:2", "ticket:3"]
    assert slow.calls(POST) == 5


async def test_a_deleted_card_is_posted_anew_once_and_then_parked(slow: Rig) -> None:
    await slow.breaks("store-1")
    await slow.moved(3)
    for n in range(3):
        for post in slow.posts():
            slow.ws.messages.delete(slow.ws.channel(CHANNEL), post)
        verb = store.hold if n % 2 == 0 else store.unhold
        await slow.db.write(verb, 1, "slack:U1")
        await slow.moved(5)
    assert slow.posts() == []
    rows = await slow.db.read(outbox.by_ref, "ticket:1")
    assert [row.state for row in rows] == ["parked"]
    cards = [c for c in slow.ws.calls(POST) if c.ok and "thread_ts" not in c.args]
    assert len(cards) == 2


@pytest.mark.parametrize("code", ["edit_window_closed", "cant_update_message"])
async def test_a_card_that_can_no_longer_be_edited_is_posted_anew(slow: Rig, code: str) -> None:
    await slow.breaks("store-1")
    await slow.moved(3)
    slow.ws.fault(UPDATE, "error", error=code)
    await slow.db.write(store.acknowledge, 1, "slack:U1")
    await slow.moved(5)
    assert kinds(slow) == ["card", "card"]
    assert "acknowledged" in slow.posts()[-1].text


@pytest.mark.parametrize("code", ["is_archived", "channel_not_found", "not_in_channel"])
async def test_a_channel_that_cannot_be_written_to_is_parked_and_nothing_is_lost(
    slow: Rig, code: str
) -> None:
    slow.ws.fault(POST, "error", error=code, times=1)
    await slow.breaks("store-1")
    await slow.moved(3)
    (parked,) = await slow.db.read(channels.parked_channels)
    assert (parked.channel, parked.reason) == (CHANNEL, code)
    assert slow.calls(POST) == 1
    await slow.moved(65, 5)
    assert await slow.db.read(channels.parked_channels) == []
    assert kinds(slow) == ["card"]


async def test_an_archived_channel_stays_parked_and_other_channels_go_on(slow: Rig) -> None:
    slow.ws.places.archive(slow.ws.channel(CHANNEL), slow.ws.user("ana").id, True)
    await slow.breaks("store-1")
    await slow.moved(3)
    slow.script.subject = "tocsin"
    await slow.first_seen("tocsin")
    await slow.breaks(CHANNEL, name="channel_parked", severity=Severity.WARNING)
    await slow.moved(125, 5)
    # The ticket of the first subject is reported by the script as one of tocsin's too.
    assert "card" in kinds(slow, OPS)
    assert len(await slow.db.read(channels.parked_channels)) == 1
    slow.ws.places.archive(slow.ws.channel(CHANNEL), slow.ws.user("ana").id, False)
    await slow.moved(65, 5)
    assert kinds(slow) == ["card"]


async def test_a_refused_token_stops_all_sending_until_it_is_taken_again(slow: Rig) -> None:
    slow.ws.state.token_error = "token_revoked"
    await slow.breaks("store-1")
    await slow.moved(30, 5)
    assert slow.sender.trouble.auth == "token_revoked"
    assert slow.calls(POST) + slow.calls("conversations.list") <= 2
    slow.ws.state.token_error = ""
    await slow.moved(120, 5)
    assert slow.sender.trouble.auth is None
    assert kinds(slow) == ["card"]


@pytest.mark.parametrize("code", ["invalid_blocks", "msg_too_long", "msg_blocks_too_long"])
async def test_a_message_whose_form_is_refused_goes_as_text_alone(slow: Rig, code: str) -> None:
    slow.ws.fault(POST, "error", error=code)
    await slow.breaks("store-1")
    await slow.moved(5)
    (card,) = slow.posts()
    assert card.blocks == []
    assert "store-1 is down" in card.text


async def test_a_message_that_is_refused_as_text_too_is_parked_with_the_reason(slow: Rig) -> None:
    slow.ws.fault(POST, "error", error="invalid_blocks", times=2)
    await slow.breaks("store-1")
    await slow.moved(5)
    (row,) = await slow.db.read(outbox.by_ref, "ticket:1")
    assert (row.state, row.error) == ("parked", "invalid_blocks")


async def test_an_unreadable_history_is_waited_for_then_sent_once_and_marked(slow: Rig) -> None:
    slow.ws.fault(POST, "reset_before")
    slow.ws.fault("conversations.history", "error", error="missing_scope", times=50)
    await slow.breaks("store-1")
    await slow.moved(50, 5)
    assert slow.posts() == []
    await slow.moved(30, 5)
    (card,) = slow.posts()
    assert "second copy" in f"{card.text} {card.blocks}"


async def test_a_reply_whose_card_vanished_leads_to_a_new_card(slow: Rig) -> None:
    await slow.breaks("store-1")
    await slow.moved(3)
    slow.ws.messages.delete(slow.ws.channel(CHANNEL), slow.posts()[0])
    await slow.db.write(_say, "ticket:1")
    await slow.moved(5)
    assert "card" in kinds(slow)


async def test_slack_that_cannot_be_reached_is_tried_again_without_a_look_up(
    tmp_path: Path,
) -> None:
    workspace = Workspace(Config(limits=Limits(enabled=False)))
    async with LocalServer(workspace) as server:
        port = int(server.url.rsplit(":", 1)[1])
        async with rig(tmp_path, server=server, clock=ManualClock()) as r:
            await server.__aexit__(None, None, None)
            await r.breaks("store-1")
            await r.moved(5)
            again = LocalServer(workspace, port)
            async with again:
                await r.moved(40, 2)
                assert kinds(r) == ["card"]
                assert r.calls("conversations.history") == 0


async def test_fifty_messages_through_one_a_second_all_arrive_in_few_calls(
    tmp_path: Path,
) -> None:
    clock = ManualClock()
    strict = Limits(post_per_s=1.0, post_burst=1)
    async with (
        LocalServer(Workspace(Config(limits=strict), clock)) as server,
        rig(tmp_path, server=server, clock=clock) as r,
    ):
        for n in range(50):
            await r.db.write(_intend, n)
        await r.moved(56, 1.03)
        assert len(r.posts()) == 50
        assert 50 / r.calls(POST) >= 0.98
        order = [int(p.metadata["event_payload"]["ref"].split(":")[1]) for p in r.posts()]
        assert order == list(range(50))


async def test_a_process_that_ended_while_sending_is_taken_up_by_the_next(tmp_path: Path) -> None:
    workspace = Workspace(Config(limits=Limits(enabled=False)))
    async with LocalServer(workspace) as server:
        async with rig(tmp_path, server=server) as r:
            r.ws.fault(POST, "hang_after")
            await r.breaks("store-1")
            await r.until(lambda: r.posts())
        async with rig(tmp_path, server=server) as r:
            await r.until(lambda: r.calls("conversations.history") == 1)
            await delivered_once(r)
            assert r.calls(POST) == 1


def _intend(tx: Tx, n: int) -> None:
    data = {"subject": f"cluster-{n}", "from": 0.0, "to": 60.0}
    outbox.post(tx, Effect("T", CHANNEL, f"gap:{n}", "gap", source_event=n, data=data))


def _say(tx: Tx, ref: str) -> None:
    root = outbox.by_ref(tx, ref)[0]
    data = {"event": "ticket.acknowledged", "at": tx.now, "actor": "slack:U1", "data": {}}
    outbox.post(
        tx,
        Effect("T", CHANNEL, ref, "reply", Priority.NEWS, 7, root.key, data),
    )


async def test_an_hour_without_slack_ends_in_the_present_state_and_no_flood(slow: Rig) -> None:
    await slow.breaks("store-1")
    await slow.moved(3)
    before = slow.calls(POST) + slow.calls(UPDATE)
    slow.ws.fault("*", "500", times=100_000)
    for n in range(2, 6):
        await slow.breaks(f"store-{n}")
        await slow.moved(60, 20)
    for n in range(20):
        slow.script.breaks(
            invariant(), "store-1", severity=Severity.INFO if n % 2 else Severity.CRITICAL
        )
        await slow.tick()
        await slow.moved(120, 60)
    refused = slow.calls(POST) + slow.calls(UPDATE) - before
    assert refused < 400
    slow.ws.faults.clear()
    at = slow.calls()
    await slow.moved(120, 2)
    cards = [p for p in slow.posts() if p.metadata["event_payload"]["kind"] == "card"]
    assert len(cards) == len({p.metadata["event_payload"]["ref"] for p in cards}) == 5
    assert not any("second copy" in str(p.blocks) for p in cards)
    assert slow.calls() - at < 60


async def test_unowned_criticals_of_a_storm_share_one_page_that_says_why(slow: Rig) -> None:
    await slow.breaks(*(f"store-{n}" for n in range(20)))
    await slow.moved(5)
    await slow.moved(600, 100)
    await slow.db.write(deadlines.remind)
    await slow.moved(15)
    page = slow.posts()[-1]
    assert page.metadata["event_payload"]["kind"] == "page"
    assert "20 critical tickets" in page.text
    assert "no owner" in page.text


async def test_a_program_that_stops_records_the_call_that_is_under_way(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        r.ws.fault(POST, "slow", seconds=0.3)
        await r.breaks("store-1", "store-2")
        await r.until(lambda: r.calls(POST) == 1)
        await r.tasks.cancel()
        rows = await r.db.read(outbox.by_ref, "ticket:1")
        rows += await r.db.read(outbox.by_ref, "ticket:2")
        assert [row.state for row in rows] == ["sent", "pending"]
        assert len(r.posts()) == 1
