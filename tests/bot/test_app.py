"""The app as Bolt sees it: everything is acknowledged, also what nobody asked for."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.app import Front
from bot.app_desk import BUDGET_S, Desk
from bot.app_request import (
    Answer,
    Book,
    Handler,
    Request,
    from_click,
    from_command,
    recalled,
    stored,
)
from bot.app_whisper import Whisper
from bot.local.delivery import Delivery
from bot.roles import Role
from core import people
from core.clock import ManualClock, SystemClock
from core.db import Database, Tx
from tests.flows.stage import Stage, stage


def _handler(_request: Request) -> Handler:
    return Handler("x", Role.VIEWER, lambda _tx, _request: Answer())


def test_a_name_that_two_books_answer_to_is_a_mistake() -> None:
    one, other = Book(commands={"/x": _handler}), Book(commands={"/x": _handler})
    with pytest.raises(ValueError, match="answered twice: /x"):
        one.joined(other)


def test_a_stored_answer_is_recalled_without_its_modal() -> None:
    answer = Answer("said", ({"type": "divider"},), {"type": "modal"}, {"a": "b"}, True, "done")
    assert recalled(stored(answer)) == Answer(
        "said", ({"type": "divider"},), None, {"a": "b"}, True, "done"
    )
    assert recalled(stored(Answer())) == Answer(errors={})


def test_a_request_without_a_trigger_is_known_by_its_content() -> None:
    body = {"user_id": "U1", "command": "/tickets", "text": "list"}
    assert from_command(body).id == from_command(dict(body)).id
    assert from_command(body).id != from_command(body | {"text": "help"}).id


@pytest.mark.parametrize(
    "body", [{}, {"actions": []}, {"actions": None, "user": None, "view": None}]
)
def test_a_click_with_parts_missing_is_still_a_request(body: dict[str, Any]) -> None:
    assert from_click(body).name == ""


STRANGE = (
    ("events_api", {"type": "event_callback", "event": {"type": "message", "text": "hi"}}),
    ("events_api", {"type": "event_callback", "event": {"type": "brand_new_event"}}),
    ("events_api", {"type": "event_callback", "event": {"type": "app_home_opened", "tab": "home"}}),
    ("interactive", {"type": "shortcut", "callback_id": "old"}),
    ("interactive", {"type": "message_action", "callback_id": "old"}),
    ("interactive", {"type": "view_closed", "view": {"callback_id": "old"}}),
    ("interactive", {"type": "block_suggestion", "action_id": "old", "block_id": "b"}),
    (
        "interactive",
        {"type": "block_actions", "actions": [{"type": "button", "action_id": "link_3"}]},
    ),
)


async def test_whatever_slack_sends_is_acknowledged(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        for kind, payload in STRANGE:
            user = {"id": s.ws.user("ana").id, "team_id": s.ws.state.team_id}
            common = {
                "team": {"id": s.ws.state.team_id},
                "user": user,
                "trigger_id": payload["type"],
            }
            delivery = Delivery(kind, common | payload, what="x", expects_answer=True)
            s.ws.deliveries.send(delivery)
            await s.settled(delivery)
        assert await s.record() == []


async def test_a_bug_is_answered_in_words_and_changes_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        desk_answer = await _with_a_bug(s)
        assert "Something went wrong in Tocsin itself" in desk_answer.text
        assert await s.record() == []
        s.failed.clear()


async def _with_a_bug(s: Stage) -> Answer:
    def broken(_tx: Any, _request: Request) -> Answer:
        raise RuntimeError(json.dumps({"secret": "not shown"}))

    desk = Desk(s.db, SystemClock(), s.roles, s.rig.metrics)
    request = Request("1.2.3", s.ws.user("ana").id, s.ws.state.team_id, "/tickets")
    return await desk.answer(request, Handler("bug", Role.VIEWER, broken))


async def test_a_second_delivery_is_no_failure_of_ours(tmp_path: Path) -> None:
    """Slack repeats what it is not sure of: nothing to log as an error, with a trace."""
    failed: list[BaseException] = []
    async with stage(tmp_path) as s:
        db = Database.open(str(s.db.url), s.db.clock, lambda _, error: failed.append(error))
        desk = Desk(db, SystemClock(), s.roles, s.rig.metrics)
        request = Request("1.2.3", s.ws.user("ana").id, s.ws.state.team_id, "/tickets")
        first = await desk.answer(request, _handler(request))
        second = await desk.answer(request, _handler(request))
        await db.close()

        assert (first.outcome, second.outcome) == ("done", "done")
        assert failed == []


async def test_the_name_of_who_changed_something_is_kept_for_a_terminal(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        ana = s.ws.user("ana")
        desk = Desk(s.db, SystemClock(), s.roles, s.rig.metrics)

        async def ask(number: str, *, keep: bool) -> None:
            request = Request(number, ana.id, s.ws.state.team_id, "/tickets")
            await desk.answer(request, replace(_handler(request), keep=keep))

        await ask("1", keep=False)
        assert await s.db.read(people.names) == {}
        await ask("2", keep=True)
        assert await s.db.read(people.names) == {f"slack:{ana.id}": "Ana Moreno"}
        await s.db.write(people.purge, SystemClock().now().timestamp() + 1)
        await ask("3", keep=True)
        assert await s.db.read(people.names) == {}  # told lately: not once a click


async def test_a_question_is_looked_up_while_others_write(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        desk = Desk(s.db, ManualClock(), s.roles, s.rig.metrics)
        request = Request("1.2.3", s.ws.user("ana").id, s.ws.state.team_id, "/tickets")
        looked = threading.Event()

        def look(_tx: Tx, _request: Request) -> Answer:
            looked.set()
            return Answer("seen")

        await s.db._turns.take(person=False)
        asked = asyncio.create_task(desk.answer(request, Handler("x", Role.VIEWER, look, False)))
        assert await asyncio.to_thread(looked.wait, 30.0)
        s.db._turns.give()
        assert (await asked).text == "seen"
        assert (await s.record())[0].id == "1.2.3"


async def test_the_program_makes_room_from_a_request_to_its_acknowledgement(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as s:
        desk = Desk(s.db, SystemClock(), s.roles, s.rig.metrics)
        book = Book(
            commands={"/x": _handler}, actions={"/x": _handler}, forms={"/x": _handler},
            events={"/x": _handler},
        )  # fmt: skip
        front = Front(book, desk, Whisper(s.rig.slack.web), s.tasks, None)
        busy: list[bool] = []

        async def ack(*_: Any, **__: Any) -> None:
            busy.append(s.db.courtesy.busy)

        user = s.ws.user("ana").id
        await front.command(ack, {"command": "/x", "user_id": user, "trigger_id": "1"})
        click = {"actions": [{"action_id": "/x"}], "user": {"id": user}, "trigger_id": "2"}
        await front.click(ack, click)
        form = {"view": {"callback_id": "/x"}, "user": {"id": user}, "trigger_id": "3"}
        await front.form(ack, form)
        await front.event(ack, {"event": {"type": "/x", "user": user}, "event_id": "4"})

        assert busy == [True] * 4
        assert not s.db.courtesy.busy


async def test_an_answer_that_comes_too_late_says_that_it_may_have_gone_through(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as s:
        clock = ManualClock()

        class Never:
            async def standing(self, _user: str, _team: str) -> Any:
                await asyncio.Event().wait()

        desk = Desk(s.db, clock, Never(), s.rig.metrics)  # type: ignore[arg-type]  # a stand-in
        request = Request("1.2.3", "U1", s.ws.state.team_id, "/tickets")
        waiting = asyncio.ensure_future(desk.answer(request, _handler(request)))
        while not clock.sleepers:
            await asyncio.sleep(0)
        await clock.advance(BUDGET_S + 0.1)
        answer = await waiting
        assert answer.outcome == "late"
        assert "may still have gone through" in answer.text
