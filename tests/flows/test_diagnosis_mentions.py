"""Questions to the bot: who is answered, where, how often, and who is not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.local.delivery import Delivery
from bot.roles import RoleSettings
from core.diagnosis import store
from core.diagnosis.model import Reason
from tests.flows.diagnosing import Investigator
from tests.flows.rig import CHANNEL
from tests.flows.stage import Stage, seen, stage
from tests.flows.test_diagnosis import replied, thread, told


@pytest.fixture
async def s(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path) as one:
        yield one


def mentions(s: Stage) -> list[Delivery]:
    """What Slack has sent of people who mention the bot."""
    return [d for d in s.ws.deliveries.all if d.what == "event app_mention"]


async def says(
    s: Stage, text: str, user: str = "ana", thread_ts: str = "", channel: str = CHANNEL
) -> Delivery | None:
    """Somebody writes a message; what Slack made of it, dealt with."""
    before = len(mentions(s))
    s.ws.acts.message(user, channel, text, thread_ts)
    found = mentions(s)[before:]
    return await s.settled(found[0]) if found else None


async def test_a_question_in_a_tickets_thread_is_answered_there_with_its_evidence(
    s: Stage,
) -> None:
    _, message, who = await told(s)
    await says(s, "@tocsin why did store 4 die?", thread_ts=s.card().ts)
    assert await who.looks() == 1
    answer = seen(await replied(s, 3))
    assert "why did store 4 die?" in answer
    assert "ended from outside" in answer
    claim = who.thought(Reason.SOON).claims[0]
    assert f"Evidence: {claim.check.evidence}" in answer
    assert s.whispers() == []
    assert message.ts != thread(s)[-1].ts


async def test_a_question_that_names_a_ticket_is_answered_in_that_tickets_thread(s: Stage) -> None:
    number, _, who = await told(s)
    await says(s, f"@tocsin {number}: what next?", user="ben")
    assert f"in the thread of ticket {number}" in await s.whispered("ben")
    assert await who.looks() == 1
    assert "what next?" in seen(await replied(s, 2))


async def test_what_no_rule_understands_is_answered_with_what_can_be_asked(s: Stage) -> None:
    _, _, who = await told(s)
    await says(s, "@tocsin sing me a song", thread_ts=s.card().ts)
    await who.looks()
    assert "What can be asked:" in seen(await replied(s, 3))


async def test_a_mention_without_a_word_is_answered_with_examples_and_costs_nothing(
    s: Stage,
) -> None:
    _, _, who = await told(s)
    await says(s, "@tocsin", thread_ts=s.card().ts)
    assert "For example: what next?, since when?" in await s.whispered()
    assert await who.looks() == 0


async def test_a_message_without_a_mention_is_not_even_heard(s: Stage) -> None:
    _, _, who = await told(s)
    assert await says(s, "why did store 4 die?", thread_ts=s.card().ts) is None
    assert await who.looks() == 0


async def test_a_second_delivery_of_the_question_asks_nothing_twice(s: Stage) -> None:
    number, _, who = await told(s)
    delivery = await says(s, "@tocsin why?", thread_ts=s.card().ts)
    assert delivery is not None
    assert await who.looks() == 1
    await replied(s, 3)
    await s.ws.until(lambda: s.ws.deliveries.repeat(delivery))
    await says(s, "@tocsin what next?", "ben", thread_ts=s.card().ts)  # dealt with after it
    assert await who.looks() == 1
    made = await s.db.read(store.of_ticket, number)
    assert [one.question for one in made if one.question] == ["why?", "what next?"]
    assert s.whispers() == []


async def test_a_question_about_nothing_is_answered_with_how_to_ask(s: Stage) -> None:
    await says(s, "@tocsin why is it slow?")
    assert "Ask in a ticket's thread, or name a ticket" in await s.whispered()
    await says(s, "@tocsin ticket 4711 why?")
    assert "There is no ticket 4711" in await s.whispered(n=2)


async def test_guests_are_told_politely_and_bots_not_at_all(s: Stage) -> None:
    number, _, who = await told(s)
    await says(s, "@tocsin why?", "gus", thread_ts=s.card().ts)
    assert "Guests cannot use Tocsin" in await s.whispered("gus")
    await says(s, f"@tocsin ticket {number} why?", "deploybot", channel="ops")
    # Nothing is kept of it, and so nothing answered.
    bot = s.ws.user("deploybot").id
    assert [one for one in await s.record() if one.actor == f"slack:{bot}"] == []
    assert s.ws.whispers("ops", "deploybot") == []
    assert await who.looks() == 0


async def test_a_refusal_whose_form_slack_does_not_take_is_told_in_plain_words(s: Stage) -> None:
    await told(s)
    s.ws.fault("chat.postEphemeral", "error", error="invalid_blocks")
    await says(s, "@tocsin why?", "gus", thread_ts=s.card().ts)
    assert "Guests cannot use Tocsin" in await s.whispered("gus")
    assert s.whispers("gus")[-1].blocks == []


async def test_somebody_of_a_connected_workspace_is_a_stranger(s: Stage) -> None:
    number, _, who = await told(s)
    await says(s, f"@tocsin ticket {number} why?", "fritz", channel="ops")
    await s.ws.until(lambda: s.ws.whispers("ops", "fritz"))
    assert "members of its own workspace only" in seen(s.ws.whispers("ops", "fritz")[-1])
    assert await who.looks() == 0


async def test_who_may_not_even_look_is_refused(tmp_path: Path) -> None:
    def roles(ws: object) -> RoleSettings:
        viewer = (ws.user("ben").id,)  # type: ignore[attr-defined]
        return RoleSettings(given=True, viewer=viewer)

    async with stage(tmp_path, roles=roles) as s:
        [number] = await s.breaks("tikv-4")
        who = Investigator(s)
        await says(s, f"@tocsin ticket {number} why?", "ana")
        assert "needs the role viewer" in await s.whispered("ana")
        await says(s, f"@tocsin ticket {number} why?", "ben")
        assert await who.looks() == 1


async def test_a_question_comes_over_http_too_and_once(tmp_path: Path) -> None:
    async with stage(tmp_path, http=True) as s:
        _, _, who = await told(s)
        delivery = await says(s, "@tocsin why?", thread_ts=s.card().ts)
        assert delivery is not None
        s.ws.deliveries.repeat(delivery)
        await says(s, "@tocsin what next?", "ben", thread_ts=s.card().ts)  # dealt with after it
        assert await who.looks() == 2


async def test_hostile_words_of_a_question_call_nobody(s: Stage) -> None:
    _, _, who = await told(s)
    await says(s, "@tocsin <!channel> @ben https://evil.example why *bold*?", thread_ts=s.card().ts)
    await who.looks()
    answer = await replied(s, 3)
    assert "<!channel>" not in answer.text
    assert str(s.ws.user("ben").id) not in seen(answer)
    kinds = {
        part["type"]
        for block in answer.blocks
        for line in block.get("elements", ())
        for part in line.get("elements", ())
    }
    assert not kinds & {"link", "broadcast", "usergroup", "emoji"}
