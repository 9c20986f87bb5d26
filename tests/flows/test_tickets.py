"""Tickets by command and by button: click, and the same card is edited; in both ways to connect."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot import ids
from core import requests
from tests.flows.stage import Stage, read, seen, stage


@pytest.fixture(params=["socket", "http"])
async def s(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, http=request.param == "http") as one:
        yield one


async def test_a_click_on_acknowledge_edits_the_same_card(s: Stage) -> None:
    [number] = await s.breaks("tikv-1")
    card = s.card()
    await s.click(card.ts, ids.TICKET_ACKNOWLEDGE)
    edited = await s.shows("acknowledged")
    assert edited.ts == card.ts
    assert (await s.ticket(number)).acknowledged_by == s.actor()
    assert s.whispers() == []


async def test_a_list_is_answered_in_the_acknowledgement_itself(s: Stage) -> None:
    await s.breaks("tikv-1", "tikv-2")
    said = await s.command("list")
    assert "tikv-1 is down" in said
    assert "tikv-2 is down" in said


async def test_the_hold_form_holds_for_as_long_and_for_the_reason_that_was_given(s: Stage) -> None:
    [number] = await s.breaks("tikv-1")
    await s.click(s.card().ts, ids.TICKET_HOLD)
    view = await s.ws.until(lambda: s.ws.view("ana"))
    delivery = s.ws.acts.submit(
        "ana",
        view["id"],
        {
            ids.HOLD_FOR_BLOCK: {ids.HOLD_FOR: "1h"},
            ids.HOLD_REASON_BLOCK: {ids.HOLD_REASON: "disk swap <!channel>"},
        },
    )
    await s.settled(delivery)
    ticket = await s.ticket(number)
    assert ticket.held_by == s.actor()
    assert ticket.held_until is not None
    assert ticket.held_at is not None
    assert ticket.held_until - ticket.held_at == pytest.approx(3600)
    assert ticket.hold_reason == "disk swap <!channel>"
    assert s.ws.view("ana") is None
    await s.shows("held")


async def test_resolving_what_is_broken_asks_first_and_then_closes_it(s: Stage) -> None:
    [number] = await s.breaks("tikv-1")
    await s.click(s.card().ts, ids.TICKET_RESOLVE)
    assert "still broken" in await s.whispered()
    assert (await s.ticket(number)).open
    asked = s.whispers()[-1]
    await s.click(asked.ts, ids.TICKET_RESOLVE_ANYWAY)
    await s.shows("resolved")
    ticket = await s.ticket(number)
    assert ticket.resolved_by == s.actor()
    assert ticket.shut
    # The question has become its answer.
    await s.ws.until(lambda: "resolved" in seen(s.whispers()[-1]))
    assert len(s.whispers()) == 1


async def test_a_late_click_is_told_who_resolved_it(s: Stage) -> None:
    [number] = await s.breaks("tikv-1")
    card = s.card()
    stale = card.blocks
    assert "esolved" in await s.command(f"resolve {number} anyway spare parts", "ben")
    card.blocks = stale
    await s.click(card.ts, ids.TICKET_ACKNOWLEDGE)
    said = await s.whispered()
    assert f"Ticket {number} is already resolved" in said
    assert s.ws.user("ben").id in said


async def test_a_second_owner_is_told_who_has_it(s: Stage) -> None:
    [number] = await s.breaks("tikv-1")
    await s.command(f"ack {number}", "ben")
    said = await s.command(f"ack {number}", "ana")
    assert s.ws.user("ben").id in said
    assert (await s.ticket(number)).acknowledged_by == s.actor("ben")


async def test_hold_and_unhold_by_command(s: Stage) -> None:
    [number] = await s.breaks("tikv-1")
    await s.command(f"hold {number} 2h healthy new disk")
    ticket = await s.ticket(number)
    assert ticket.held
    assert ticket.held_until_healthy
    assert ticket.hold_reason == "new disk"
    await s.command(f"unhold {number}", "ben")
    assert not (await s.ticket(number)).held
    said = await s.command(f"unhold {number}", "ben")
    assert "not held" in said


async def test_details_are_shown_to_the_person_who_asked_alone(s: Stage) -> None:
    await s.breaks("tikv-1")
    await s.click(s.card().ts, ids.TICKET_DETAILS)
    assert "tikv-1" in await s.whispered()
    assert s.whispers("ben") == []
    assert len(s.rig.posts()) == 1


async def test_a_command_by_another_release_button_is_answered_politely(s: Stage) -> None:
    from bot import blocks

    said = await s.rig.slack.web.chat_postMessage(
        channel=s.ws.channel("storage-alerts").id,
        text="old",
        blocks=[
            blocks.actions(
                blocks.button("ticket_snooze", "Snooze", "t:1:1"),
                blocks.button(ids.TICKET_ACKNOWLEDGE, "Acknowledge", "<garbage>"),
            )
        ],
    )
    await s.click(said["ts"], "ticket_snooze")
    assert "another release" in await s.whispered()
    await s.click(said["ts"], ids.TICKET_ACKNOWLEDGE)
    assert "cannot be read any more" in await s.whispered(n=2)


async def test_every_request_is_remembered_with_its_outcome(s: Stage) -> None:
    [number] = await s.breaks("tikv-1")
    await s.command(f"ack {number}")
    await s.command("show 4711")
    found = await s.record()
    assert [(r.verb, r.outcome, r.actor) for r in found] == [
        ("/tickets show", "not_found", s.actor()),
        ("/tickets ack", "done", s.actor()),
    ]
    assert await s.db.write(requests.purge, found[0].at + 1) == 2


async def test_home_shows_my_tickets_and_its_buttons_work(s: Stage) -> None:
    [number] = await s.breaks("tikv-1")
    await s.command(f"ack {number}")
    s.ws.acts.home("ana")
    home = await s.ws.until(lambda: s.ws.home("ana"))
    assert "tikv-1 is down" in read(home)
    delivery = s.ws.acts.view_click("ana", home["id"], ids.TICKET_HOLD)
    await s.settled(delivery)
    view = await s.ws.until(lambda: s.ws.view("ana"))
    await s.settled(s.ws.acts.submit("ana", view["id"], {}))
    assert (await s.ticket(number)).held
    s.ws.acts.home("ana")
    await s.ws.until(lambda: "held" in read(s.ws.home("ana")))
