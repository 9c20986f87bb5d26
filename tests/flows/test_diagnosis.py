"""Diagnoses in Slack: card, thread, buttons, reasoning; by whom, and when a request comes twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot import ids
from bot.local.model import Message
from core.diagnosis import store
from core.diagnosis.model import Reason
from tests.flows.diagnosing import Investigator
from tests.flows.rig import CHANNEL
from tests.flows.stage import Stage, read, seen, stage


@pytest.fixture
async def s(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path) as one:
        yield one


def thread(s: Stage) -> list[Message]:
    """What stands under the first card, oldest first."""
    place = s.ws.channel(CHANNEL)
    return [place.messages[ts] for ts in s.card(0).replies if ts in place.messages]


async def replied(s: Stage, n: int = 1) -> Message:
    """The newest reply, once there are n."""
    await s.ws.until(lambda: len(thread(s)) >= n)
    await s.rig.idle()
    return thread(s)[-1]


async def told(s: Stage) -> tuple[int, Message, Investigator]:
    """A store is down, and its diagnosis stands in the thread."""
    [number] = await s.breaks("tikv-4")
    who = Investigator(s)
    await who.makes(number)
    return number, await replied(s), who


async def test_a_diagnosis_comes_into_the_thread_and_its_headline_onto_the_card(s: Stage) -> None:
    number, message, _ = await told(s)
    said = seen(message)
    assert message.text.startswith(f"prod: diagnosis of ticket {number}, confirmed, first look: ")
    for words in ("● Confirmed", "What is going on", "Why", "What next", "First look"):
        assert words in said
    claim = Investigator(s).thought(Reason.OPENED).claims[0]
    assert f"{claim.words} {claim.check.evidence}" in said.replace("  ", " ")
    card = await s.shows("● Confirmed: The process of store 4")
    assert "🔎" in seen(card)
    # The card and its one reply: nothing else, at top level or below.
    assert (len(s.rig.posts()), len(thread(s))) == (1, 1)


async def test_it_calls_nobody(s: Stage) -> None:
    _, message, _ = await told(s)
    assert "UONCALL1" not in seen(message)
    assert "<@" not in message.text
    assert "<!" not in message.text


async def test_a_revision_says_what_changed_and_the_first_look_says_that_it_was_revised(
    s: Stage,
) -> None:
    number, first, who = await told(s)
    who.shows = "withheld-how-it-ended"
    await who.makes(number, Reason.SOON)
    revision = await replied(s, 2)
    assert "Less sure than before: it was ● confirmed. Same cause." in seen(revision)
    await s.ws.until(lambda: "A newer one stands below" in seen(thread(s)[0]))
    assert thread(s)[0].ts == first.ts
    pressable = [b["action_id"] for b in thread(s)[0].blocks[-1]["elements"]]
    assert pressable == [ids.DIAGNOSIS_REASONING, ids.DIAGNOSIS_USEFUL, ids.DIAGNOSIS_USELESS]


async def test_what_says_the_same_again_is_kept_and_not_posted(s: Stage) -> None:
    number, _, who = await told(s)
    await who.makes(number, Reason.SOON)
    assert len(await s.db.read(store.of_ticket, number)) == 2
    await s.ws.until(lambda: "nothing changed" in seen(thread(s)[0]))
    assert len(thread(s)) == 1
    assert "First look" not in seen(thread(s)[0]).partition("What is going on")[2]
    assert "Looked at again: nothing changed" in await s.command(f"show {number}")


async def test_diagnose_on_the_card_is_answered_in_the_thread_even_if_nothing_changed(
    s: Stage,
) -> None:
    _, _, who = await told(s)
    await s.click(s.card(0).ts, ids.TICKET_DIAGNOSE)
    assert s.whispers() == []
    assert await who.looks() == 1
    answer = seen(await replied(s, 2))
    assert "Looked again" in answer
    assert "nothing changed" in answer
    assert s.ws.user("ana").id in answer
    await s.rig.idle()
    assert "A newer one stands below" not in seen(thread(s)[0])
    assert ids.DIAGNOSIS_AGAIN in [b["action_id"] for b in thread(s)[0].blocks[-1]["elements"]]


async def test_diagnose_again_by_its_button_and_by_command_are_the_same(s: Stage) -> None:
    number, message, who = await told(s)
    who.shows = "paused"
    await s.click(message.ts, ids.DIAGNOSIS_AGAIN)
    assert await who.looks() == 1
    assert "Revised. The first look said ● confirmed: process killed" in seen(await replied(s, 2))
    said = await s.command(f"diagnose {number}")
    assert f"The answer comes in the thread of ticket {number}" in said
    assert await who.looks() == 1
    assert "nothing changed" in seen(await replied(s, 3))


async def test_pressed_twice_while_it_waits_it_is_looked_at_once(s: Stage) -> None:
    _, message, who = await told(s)
    await s.click(message.ts, ids.DIAGNOSIS_AGAIN)
    await s.click(message.ts, ids.DIAGNOSIS_AGAIN)
    assert await who.looks() == 1


async def test_the_reasoning_opens_with_its_checks_and_turns_its_pages_in_place(s: Stage) -> None:
    _, message, _ = await told(s)
    await s.click(message.ts, ids.DIAGNOSIS_REASONING)
    view = await s.ws.until(lambda: s.ws.view("ana"))
    assert "exit_code is 137; seen: 137" in read(view["blocks"])
    for tab, words in (
        ("rivals", "Out of memory, store 4"),
        ("times", "the ticket opened"),
        ("commands", "docker start tikv-4"),
    ):
        await s.settled(s.ws.acts.view_click("ana", view["id"], ids.tab_id(tab)))
        await s.ws.until(lambda words=words: words in read(s.ws.view("ana")["blocks"]))
        assert s.ws.view("ana")["id"] == view["id"]
    boxes = [
        part
        for block in s.ws.view("ana")["blocks"]
        for part in block.get("elements", ())
        if part.get("type") == "rich_text_preformatted"
    ]
    assert [read(box).strip() for box in boxes] == ["docker start tikv-4", "pd-ctl -u $PD store 4"]


async def test_what_people_think_of_it_is_kept_and_stands_on_the_buttons(s: Stage) -> None:
    number, message, _ = await told(s)
    await s.click(message.ts, ids.DIAGNOSIS_USEFUL, "ana")
    await s.click(message.ts, ids.DIAGNOSIS_USEFUL, "ben")
    await s.ws.until(lambda: "Useful · 2" in seen(thread(s)[0]))
    await s.click(message.ts, ids.DIAGNOSIS_USELESS, "ben")
    await s.ws.until(lambda: "Not useful · 1" in seen(thread(s)[0]))
    [made] = await s.db.read(store.of_ticket, number)
    assert (made.useful, made.useless) == (1, 1)


async def test_details_list_the_diagnoses_and_lead_to_the_reasoning(s: Stage) -> None:
    number, _, who = await told(s)
    who.shows = "paused"
    await who.makes(number, Reason.SOON)
    said = await s.command(f"show {number}")
    assert "Diagnoses" in said
    assert "● Confirmed: The process of store 4" in said
    assert "(first look)" in said
    assert "Show reasoning" in said


async def test_a_symptom_is_answered_in_the_thread_of_its_cause(s: Stage) -> None:
    number, _, who = await told(s)
    await s.rig.breaks("cluster", name="quorum_margin", explained_by=("store_down",))
    await s.rig.idle()
    symptom = max(one.id for one in await s.rig.tickets())
    assert "● Confirmed: The process of store 4" in await s.command(f"show {symptom}")
    n = len(thread(s))
    said = await s.command(f"diagnose {symptom}")
    assert f"Ticket {symptom} is explained by ticket {number}: looking into that one" in said
    assert await who.looks() == 1
    assert "Looked again" in seen(await replied(s, n + 1))


async def test_in_a_burst_only_what_people_ask_for_is_told_in_its_thread(s: Stage) -> None:
    numbers = await s.breaks(*(f"tikv-{n}" for n in range(12)))
    who = Investigator(s)
    await who.makes(numbers[3])
    assert thread(s) == []
    assert "The answer comes in the thread" in await s.command(f"diagnose {numbers[3]}")
    assert await who.looks() == 1
    assert f"Ticket {numbers[3]}" in seen(await replied(s)) or "Looked again" in seen(thread(s)[0])


async def test_a_ticket_that_gets_its_card_later_has_its_diagnosis_below_it(s: Stage) -> None:
    await s.monitor("pause prod 30m upgrade")
    await s.rig.breaks("tikv-4")
    await s.rig.idle()
    [number] = [one.id for one in await s.rig.tickets()]
    said = await s.command(f"diagnose {number}")
    assert f"/tickets show {number} will have the answer" in said
    who = Investigator(s)
    assert await who.looks() == 1
    assert "● Confirmed" in await s.command(f"show {number}")
    await s.monitor("resume")

    def below() -> list[Message]:
        place = s.ws.channel(CHANNEL)
        return [place.messages[ts] for card in s.rig.posts() for ts in card.replies]

    await s.ws.until(lambda: [m for m in below() if "What is going on" in seen(m)])
    assert len([m for m in below() if "What is going on" in seen(m)]) == 1


async def test_guests_may_neither_ask_nor_judge(s: Stage) -> None:
    number, message, who = await told(s)
    for action in (ids.DIAGNOSIS_AGAIN, ids.DIAGNOSIS_USEFUL, ids.DIAGNOSIS_REASONING):
        await s.click(message.ts, action, "gus")
    await s.ws.until(lambda: len(s.whispers("gus")) == 3)
    assert all("Guests cannot use Tocsin" in seen(one) for one in s.whispers("gus"))
    assert await who.looks() == 0
    [made] = await s.db.read(store.of_ticket, number)
    assert made.useful == 0


async def test_a_model_at_work_is_one_line_that_can_be_stopped(s: Stage) -> None:
    number, message, who = await told(s)
    await s.click(message.ts, ids.DIAGNOSIS_AGAIN)
    look = await who.begins()
    await who.progresses(number, look, text="reading the log of store 4", turn=2, max_turns=8,
                         micro_dollars=12_000)  # fmt: skip
    line = await replied(s, 2)
    assert "reading the log of store 4" in seen(line)
    assert "Turn 2 of 8 · $0.012 so far" in seen(line)
    await who.progresses(number, look, text="comparing stores", turn=3, micro_dollars=20_000)
    await s.ws.until(lambda: "comparing stores" in seen(thread(s)[1]))
    [cards] = [block for block in thread(s)[1].blocks if block["type"] == "plan"]
    assert [(one["title"], one["status"]) for one in cards["tasks"]] == [
        ("reading the log of store 4", "complete"),
        ("comparing stores", "in_progress"),
    ]
    await s.click(line.ts, ids.INVESTIGATION_STOP)
    await s.ws.until(lambda: "stops at its next step" in seen(thread(s)[1]))
    assert not any(b["type"] == "actions" for b in thread(s)[1].blocks)
    await who.ends(number, look, ended="stopped", turns=3, tokens=9_120, seconds=12.4,
                   micro_dollars=20_000)  # fmt: skip
    await s.ws.until(lambda: "was stopped" in seen(thread(s)[1]))
    assert "after 12 s: 3 turns, 9,120 tokens, $0.02" in seen(thread(s)[1])
    assert len(thread(s)) == 2


async def test_where_slack_takes_no_task_cards_the_same_comes_in_words(s: Stage) -> None:
    number, message, who = await told(s)
    await s.click(message.ts, ids.DIAGNOSIS_AGAIN)
    look = await who.begins()
    s.ws.fault("chat.postMessage", "error", error="invalid_blocks")
    await who.progresses(number, look, text="reading the log", turn=1, micro_dollars=900)
    line = await replied(s, 2)
    assert "reading the log" in seen(line)
    assert [block["type"] for block in line.blocks] == ["rich_text", "actions"]
    await who.progresses(number, look, text="comparing stores", turn=2, micro_dollars=1_900)
    await s.ws.until(lambda: "comparing stores" in seen(thread(s)[1]))
    assert "plan" not in [block["type"] for block in thread(s)[1].blocks]
    assert [b["action_id"] for b in thread(s)[1].blocks[-1]["elements"]] == [ids.INVESTIGATION_STOP]
