"""Tickets reach Slack: cards, edits, threads, storms, pages. On the local workspace, by real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import islice
from pathlib import Path

import pytest

from bot.sender_record import Drawn
from core import gatherings, maintenance, placements, reconcile
from core.clock import ManualClock
from core.invariant import Severity
from core.tickets import deadlines, store
from tests.flows.rig import CHANNEL, ONCALL, OPS, Rig, invariant, rig

STORE = "store_down"


@pytest.fixture
async def r(tmp_path: Path) -> AsyncIterator[Rig]:
    """Delivery by the machine's own clock."""
    async with rig(tmp_path) as made:
        yield made
        assert made.errors == []


@pytest.fixture
async def slow(tmp_path: Path) -> AsyncIterator[Rig]:
    """Delivery by a clock that the test moves."""
    async with rig(tmp_path, clock=ManualClock()) as made:
        yield made
        assert made.errors == []


async def moved(r: Rig, seconds: float, step: float = 1.0) -> None:
    await r.moved(seconds, step)


def text_of(message: object) -> str:
    return f"{message.text} {message.blocks}"  # type: ignore[attr-defined]  # a Message


async def test_a_new_ticket_is_one_card_that_mentions_whom_its_route_names(r: Rig) -> None:
    await r.breaks("store-1")
    (card,) = await r.posted(1)
    assert "store-1 is down" in card.text
    assert ONCALL in card.text
    assert card.metadata["event_payload"]["ref"] == "ticket:1"


async def test_a_warning_is_a_card_that_mentions_nobody(r: Rig) -> None:
    await r.breaks("store-1", name="low_disk_space", severity=Severity.WARNING)
    (card,) = await r.posted(1)
    assert "<@" not in text_of(card)
    assert "<!" not in card.text


async def test_what_a_person_does_shows_at_once_on_the_card_and_in_its_thread(r: Rig) -> None:
    await r.breaks("store-1")
    (card,) = await r.posted(1)
    await r.db.write(store.acknowledge, 1, "slack:U1")
    await r.until(lambda: "acknowledged" in r.posts()[0].text)
    await r.until(lambda: len(r.ws.replies(CHANNEL, card.ts)) == 1)
    assert "<@U1>" in r.ws.replies(CHANNEL, card.ts)[0].text
    assert len(r.posts()) == 1


async def test_a_recovered_ticket_rewrites_its_card_and_sums_up_in_the_thread(r: Rig) -> None:
    await r.breaks("store-1")
    (card,) = await r.posted(1)
    await r.mends("store-1")
    await r.until(lambda: "resolved" in r.posts()[0].text.lower())
    await r.until(lambda: len(r.ws.replies(CHANNEL, card.ts)) == 1)
    assert "Resolved" in r.ws.replies(CHANNEL, card.ts)[0].text


async def test_ten_cards_in_a_minute_are_cards_and_the_eleventh_begins_a_storm(slow: Rig) -> None:
    await slow.breaks(*(f"store-{n}" for n in range(10)))
    await moved(slow, 20)
    assert len(slow.posts()) == 10
    await slow.breaks("store-10")
    await moved(slow, 3)
    storm = slow.posts()[10]
    assert storm.metadata["event_payload"]["kind"] == "storm"
    assert "1 ticket" in text_of(storm)


async def test_a_burst_is_one_storm_message_and_one_page_that_both_count_them_all(r: Rig) -> None:
    await r.breaks(*(f"store-{n}" for n in range(300)))
    storm, page = await r.posted(2)
    assert "300" in storm.text
    assert "store-0 is down" in text_of(storm)
    assert ONCALL in page.text
    assert "300" in page.text
    await r.idle()
    assert r.calls("chat.postMessage") == 2


async def test_later_arrivals_fold_into_the_living_storm_and_none_is_lost(slow: Rig) -> None:
    await slow.breaks(*(f"store-{n}" for n in range(20)))
    await moved(slow, 2)
    await slow.breaks(*(f"store-{n}" for n in range(20, 25)))
    await moved(slow, 12)
    assert "25" in slow.posts()[0].text
    posted = [p.metadata["event_payload"]["kind"] for p in slow.posts()]
    assert posted == ["storm", "page", "page"]
    placed = await slow.db.read(placements.of, range(1, 26))
    assert {p.ref for p in placed.values()} == {"storm:1"}
    assert len(placed) == 25


async def test_criticals_inside_a_storm_share_one_page_in_ten_seconds(slow: Rig) -> None:
    await slow.breaks(*(f"store-{n}" for n in range(20)))
    await moved(slow, 2)
    for n in range(20, 26):
        await slow.breaks(f"store-{n}")
        await moved(slow, 1)
    await moved(slow, 12)
    pages = [p for p in slow.posts() if p.metadata["event_payload"]["kind"] == "page"]
    assert len(pages) == 2
    assert "6 new critical" in pages[1].text


async def test_a_storm_that_became_quiet_takes_no_more(slow: Rig) -> None:
    await slow.breaks(*(f"store-{n}" for n in range(20)))
    await moved(slow, 2)
    await slow.moved(400, 100)
    await slow.delivery.upkeep_once()
    await slow.breaks("store-99")
    await moved(slow, 8)
    assert slow.posts()[-1].metadata["event_payload"]["kind"] == "card"
    assert (await slow.db.read(gatherings.get, "storm:1")).closed_at is not None


async def test_a_thousand_resolved_at_once_are_one_edit_of_their_storm(slow: Rig) -> None:
    names = [f"store-{n}" for n in range(1000)]
    await slow.breaks(*names)
    await moved(slow, 2)
    before = slow.calls("chat.update")
    await slow.mends(*names)
    await moved(slow, 8)
    assert slow.calls("chat.update") - before == 1
    assert "resolved" in slow.posts()[0].text


async def test_automatic_changes_within_seconds_are_one_edit(slow: Rig) -> None:
    await slow.breaks("store-1")
    await moved(slow, 2)
    for severity in (Severity.WARNING, Severity.CRITICAL, Severity.WARNING):
        slow.script.breaks(invariant(), "store-1", severity=severity)
        await slow.moved(1)
        await slow.tick()
    await moved(slow, 8)
    assert slow.calls("chat.update") == 1


async def test_a_symptom_joins_its_cause_and_gets_no_card(slow: Rig) -> None:
    await slow.breaks("store-1")
    await moved(slow, 2)
    symptom = invariant("region_health", Severity.WARNING, explained_by=(STORE,))
    slow.script.breaks(symptom, "cluster")
    await slow.tick()
    await moved(slow, 8)
    (card,) = slow.posts()
    assert "cluster is down" in text_of(card)
    (reply,) = slow.ws.replies(CHANNEL, card.ts)
    assert "cluster is down" in reply.text
    assert "<@" not in reply.text


async def test_a_symptom_that_outlives_its_cause_gets_a_card_that_mentions(slow: Rig) -> None:
    symptom = invariant("quorum_margin", explained_by=(STORE,))
    slow.script.breaks(symptom, "cluster")
    await slow.breaks("store-1")
    await moved(slow, 2)
    await slow.mends("store-1")
    await slow.moved(31, 31)
    await slow.tick()
    await moved(slow, 2)
    card = slow.posts()[-1]
    assert card.metadata["event_payload"]["kind"] == "card"
    assert "cluster is down" in card.text
    assert ONCALL in card.text


async def test_a_symptom_that_gets_another_cause_is_told_there_and_mentions_nobody_again(
    slow: Rig,
) -> None:
    symptom = invariant("quorum_margin", explained_by=(STORE,))
    slow.script.breaks(symptom, "cluster")
    await slow.breaks("store-1")
    await moved(slow, 2)
    await slow.mends("store-1")
    await moved(slow, 15)
    await slow.breaks("store-2")
    await slow.moved(20)
    await slow.tick()
    await moved(slow, 8)
    first, second = slow.posts()
    assert "store-2 is down" in text_of(second)
    assert "cluster is down" in text_of(second)
    assert "cluster is down" not in text_of(slow.ws.channel(CHANNEL).messages[first.ts])


async def test_a_rise_in_severity_pages_even_while_held(slow: Rig) -> None:
    slow.script.breaks(invariant(), "store-1", severity=Severity.WARNING)
    await slow.tick()
    await moved(slow, 2)
    await slow.db.write(store.hold, 1, "slack:U1")
    slow.script.breaks(invariant(), "store-1", severity=Severity.CRITICAL)
    await slow.moved(3)
    await slow.tick()
    await moved(slow, 2)
    page = slow.posts()[-1]
    assert page.metadata["event_payload"]["kind"] == "page"
    assert ONCALL in page.text


async def test_a_reopened_critical_pages_and_a_flapping_one_pages_no_more(slow: Rig) -> None:
    await slow.breaks("store-1")
    for _ in range(4):
        await moved(slow, 30, 5)
        await slow.mends("store-1")
        await moved(slow, 65, 5)
        await slow.mends("store-1")
        await slow.breaks("store-1")
    await moved(slow, 5)
    kinds = [p.metadata["event_payload"]["kind"] for p in slow.posts()]
    assert kinds == ["card", "page"]


async def test_ten_minutes_without_an_owner_page_once_more(slow: Rig) -> None:
    await slow.breaks("store-1")
    await moved(slow, 2)
    await slow.moved(600, 100)
    await slow.db.write(deadlines.remind)
    await moved(slow, 2)
    page = slow.posts()[-1]
    assert page.metadata["event_payload"]["kind"] == "page"
    assert "acknowledged" in page.text


async def test_what_was_broken_before_the_first_look_is_one_adoption_message(r: Rig) -> None:
    r.script.subject = "fresh"
    await r.db.write(_just_seen, "fresh")
    await r.breaks(*(f"store-{n}" for n in range(30)))
    (message,) = await r.posted(1)
    assert message.metadata["event_payload"]["kind"] == "adoption"
    assert "30" in message.text
    assert ONCALL not in message.text
    await r.idle()
    assert len(r.posts()) == 1


async def test_showing_the_cards_of_an_adoption_posts_the_worst_ten(slow: Rig) -> None:
    slow.script.subject = "fresh"
    await slow.db.write(_just_seen, "fresh")
    await slow.breaks(*(f"store-{n}" for n in range(30)))
    await moved(slow, 2)
    assert await slow.db.write(gatherings.show, "adoption:1", "slack:U1") == 10
    await moved(slow, 15)
    assert len(slow.posts()) == 11
    assert "20" in slow.posts()[0].text
    assert (await slow.db.read(gatherings.get, "adoption:1")).data["moved"] == 10


async def test_accepting_an_adoption_holds_all_and_floods_no_thread(slow: Rig) -> None:
    slow.script.subject = "fresh"
    await slow.db.write(_just_seen, "fresh")
    await slow.breaks(*(f"store-{n}" for n in range(30)))
    await moved(slow, 2)
    assert await slow.db.write(gatherings.accept, "adoption:1", "slack:U1") == 30
    await moved(slow, 5)
    (message,) = slow.posts()
    assert "accepted" in text_of(message).lower()
    assert len(slow.ws.replies(CHANNEL, message.ts)) == 0


async def test_a_pause_posts_no_cards_and_its_end_tells_what_is_still_broken(slow: Rig) -> None:
    pause = await slow.db.write(
        maintenance.pause, "prod", for_s=1800.0, by="slack:U1", reason="upgrade"
    )
    await moved(slow, 1)
    await slow.breaks("store-1", "store-2")
    await moved(slow, 3)
    assert [p.metadata["event_payload"]["kind"] for p in slow.posts()] == ["maintenance"]
    await slow.mends("store-2")
    await moved(slow, 3)
    await slow.db.write(maintenance.resume, "slack:U1", pause.id)
    await moved(slow, 5)
    kinds = [p.metadata["event_payload"]["kind"] for p in slow.posts()]
    assert sorted(kinds) == ["card", "maintenance", "maintenance_ended"]
    assert "store-1" in text_of(slow.posts()[-1]) + text_of(slow.posts()[-2])


async def test_a_pause_lets_through_what_gets_worse(slow: Rig) -> None:
    await slow.db.write(maintenance.pause, None, for_s=1800.0, by="cli:ana", reason="upgrade")
    slow.script.breaks(invariant(), "store-1", severity=Severity.WARNING)
    await slow.tick()
    await moved(slow, 3)
    assert len(slow.posts()) == 1
    slow.script.breaks(invariant(), "store-1", severity=Severity.CRITICAL)
    await slow.tick()
    await moved(slow, 3)
    assert ONCALL in slow.posts()[-1].text


async def test_a_gap_in_watching_is_said(slow: Rig) -> None:
    from core import monitor

    await slow.db.write(monitor._gap, "prod", 1000.0, 4600.0)
    await moved(slow, 20, 5)
    (message,) = slow.posts()
    assert message.metadata["event_payload"]["kind"] == "gap"
    assert "prod" in message.text


async def test_a_hold_that_ends_tells_its_holder_in_the_thread(slow: Rig) -> None:
    await slow.breaks("store-1")
    await moved(slow, 2)
    now = slow.clock.now().timestamp()
    await slow.db.write(store.hold, 1, "slack:U1", until=now + 60)
    await moved(slow, 2)
    await slow.moved(61, 61)
    await slow.db.write(deadlines.end_expired_holds)
    await moved(slow, 6)
    replies = slow.ws.replies(CHANNEL, slow.posts()[0].ts)
    assert "<@U1>" in replies[-1].text


async def test_tickets_of_tocsin_itself_go_to_the_fallback_channel(r: Rig) -> None:
    r.script.subject = "tocsin"
    await r.first_seen("tocsin")
    await r.breaks("storage-alerts", name="channel_parked", severity=Severity.WARNING)
    (card,) = await r.posted(1, OPS)
    assert "storage-alerts" in card.text
    assert r.posts() == []


async def test_what_was_opened_while_nobody_delivered_is_told_after_a_restart(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path, running=False) as r:
        await r.breaks("store-1")
        await r.mends("store-1")
        await r.breaks("store-2")
        r.tasks.start("delivery", r.delivery.run())
        r.tasks.start("sender", r.sender.run())
        cards = await r.posted(2)
        assert {"ticket:1", "ticket:2"} == {c.metadata["event_payload"]["ref"] for c in cards}


def _just_seen(tx: object, subject: str) -> None:
    from core import schema

    tx.upsert(  # type: ignore[attr-defined]  # a Tx
        schema.subjects,
        {
            "name": subject,
            "kind": "tikv",
            "first_seen_at": tx.now,  # type: ignore[attr-defined]  # a Tx
            "last_tick_at": tx.now,  # type: ignore[attr-defined]  # a Tx
            "removed_at": None,
            "carry": "{}",
        },
        ["name"],
    )


async def test_a_pause_pages_nobody_for_what_was_told_before_it(slow: Rig) -> None:
    await slow.breaks("store-1")
    await moved(slow, 2)
    await slow.db.write(maintenance.pause, "prod", for_s=1800.0, by="cli:ana", reason="upgrade")
    await slow.moved(600, 100)
    await slow.db.write(deadlines.remind)
    await moved(slow, 3)
    kinds = [p.metadata["event_payload"]["kind"] for p in slow.posts()]
    assert kinds == ["card", "maintenance"]


async def test_a_held_critical_pages_nobody_when_it_comes_back(slow: Rig) -> None:
    await slow.breaks("store-1")
    await moved(slow, 2)
    await slow.db.write(store.hold, 1, "slack:U1")
    await slow.moved(600, 100)
    await slow.db.write(deadlines.remind)
    await moved(slow, 3)
    assert [p.metadata["event_payload"]["kind"] for p in slow.posts()] == ["card"]


@pytest.mark.parametrize("slices", [0, 1, 2, 3])
async def test_a_storm_that_was_being_placed_when_the_process_ended_is_told_whole(
    tmp_path: Path, slices: int
) -> None:
    """After whichever step it ends: the storm is begun and so much is placed."""
    many = 3 * placements.SLICE
    async with rig(tmp_path, running=False) as r:
        await r.breaks(*(f"store-{n}" for n in range(many)))
        unplaced = await r.db.read(placements.unplaced, "prod")
        steps = r.delivery._placing.steps("prod", 1, unplaced)
        await r.db.write_steps(r.epoch, islice(steps, 1 + slices))
        placed = await r.db.read(placements.of, range(1, many + 1))
        assert len(placed) == slices * placements.SLICE
        r.tasks.start("delivery", r.delivery.run())
        r.tasks.start("sender", r.sender.run())
        storm, page = await r.posted(2)
        assert f"{many:,}" in storm.text
        assert f"{many:,}" in page.text
        await r.quiet()
        assert r.calls("chat.postMessage") == 2


async def test_a_storm_of_exactly_one_slice_is_told_too(r: Rig) -> None:
    await r.breaks(*(f"store-{n}" for n in range(placements.SLICE)))
    storm, _page = await r.posted(2)
    assert f"{placements.SLICE:,}" in storm.text


async def test_what_changed_after_it_was_drawn_is_drawn_anew(tmp_path: Path) -> None:
    async with rig(tmp_path, running=False) as r:
        await r.breaks("store-1")
        await r.delivery.catch_up()
        drawn = await r.db.read(r.sender._choose, CHANNEL, ())
        assert isinstance(drawn, Drawn)
        await r.db.write(reconcile.amend, drawn.row.key, {"plain": True})
        assert await r.db.write(r.sender._begin, drawn) is None
        anew = await r.db.read(r.sender._choose, CHANNEL, ())
        assert isinstance(anew, Drawn)
        assert await r.db.write(r.sender._begin, anew) is not None
