"""The AsyncApp: what Slack sends goes to the desk, what the desk says goes back.

`process_before_response` makes Bolt run a handler inside its acknowledgement; no lazy functions.
What must happen after it (a modal, a private answer) runs in tasks of ours, which are drained.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any

from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient

from bot import ids
from bot.app_desk import Desk
from bot.app_request import (
    ASKED,
    Answer,
    Book,
    Handler,
    Request,
    from_click,
    from_command,
    from_event,
    from_form,
)
from bot.app_whisper import Whisper, notice
from bot.person import Denied
from bot.roles import Role
from bot.slack import AuthFailed, Ok, Slack
from bot.slack import Refused as RefusedBySlack
from bot.start import Identity
from core.db import Tx
from core.errors import NotFound, Refused, Unavailable
from core.tasks import Tasks

Json = dict[str, Any]
Ack = Callable[..., Awaitable[Any]]
Home = Callable[[str], Coroutine[Any, Any, None]]
"""Show somebody their App Home anew."""

_ANY = re.compile(r".*", re.DOTALL)


class Front:
    """Hands what Slack sends to the desk, and the desk's answers back."""

    def __init__(
        self, book: Book, desk: Desk, whisper: Whisper, tasks: Tasks, home: Home | None
    ) -> None:
        self._book = book
        self._desk = desk
        self._whisper = whisper
        self._tasks = tasks
        self._home = home

    async def command(self, ack: Ack, body: Json) -> None:
        """A slash command: the answer is the body of the acknowledgement."""
        request = from_command(body)
        choose = self._book.commands.get(request.name, _unknown)
        handler = choose(request)
        with self._desk.serving():
            answer = await self._desk.answer(request, handler)
            await ack(_command_body(answer))
        self._after(request, handler, Answer(view=answer.view, outcome=answer.outcome))

    async def click(self, ack: Ack, body: Json) -> None:
        """A click: acknowledged empty, answered in private if there is anything to say."""
        request = from_click(body)
        if request.name == ids.TICKET_MORE:
            request = _chosen(request)
        if request.name == ids.LINK or request.name.startswith(f"{ids.LINK}_"):
            await ack()
            return
        choose = self._book.actions.get(request.name, _unknown)
        handler = choose(request)
        with self._desk.serving():
            answer = await self._desk.answer(request, handler)
            await ack()
        self._after(request, handler, answer)

    async def form(self, ack: Ack, body: Json) -> None:
        """A submitted modal: closed, or shown again with what is wrong with it."""
        request = from_form(body)
        choose = self._book.forms.get(request.name, _unknown)
        with self._desk.serving():
            answer = await self._desk.answer(request, choose(request))
            await ack(**_form_body(answer))

    async def event(self, ack: Ack, body: Json) -> None:
        """An event: what a person asks is answered, the App Home shown; every other acknowledged."""
        event = body.get("event") or {}
        choose = self._book.events.get(str(event.get("type")))
        request = None if choose is None else from_event(body)
        if choose is not None and request is not None:
            handler = choose(request)
            with self._desk.serving():
                answer = await self._desk.answer(request, handler)
                await ack()
            self._after(request, handler, answer)
            return
        await ack()
        if event.get("type") == "app_home_opened" and event.get("tab", "home") == "home":
            self._show_home(str(event.get("user", "")))

    async def nothing(self, ack: Ack) -> None:
        """Something that needs no answer (a closed view, a shortcut of an older release)."""
        await ack()

    async def options(self, ack: Ack) -> None:
        """A menu that asks for its options: ours never do."""
        await ack({"options": []})

    def _after(self, request: Request, handler: Handler, answer: Answer) -> None:
        if answer.view is not None:
            self._tasks.start("open a modal", self._open(request, handler, answer))
        elif answer.text or answer.blocks:
            self._tasks.start("answer in private", self._whisper.tell(request, answer))
        elif handler.later is not None and answer.outcome == ASKED:
            self._tasks.start("answer later", self._later(request, handler))
        if request.home:
            self._show_home(request.user)

    async def _open(self, request: Request, handler: Handler, answer: Answer) -> None:
        """A modal at once; what it waits for takes its place when it is known."""
        if answer.in_place and request.modal and request.view_id:
            await self._whisper.replace(request.view_id, answer)
            return
        view_id = await self._whisper.open(request, answer.view or {})
        if view_id and handler.later is not None and answer.outcome == ASKED:
            found = await self._desk.later(request, handler.verb, handler.later)
            await self._whisper.replace(view_id, found)

    async def _later(self, request: Request, handler: Handler) -> None:
        if handler.later is not None:
            found = await self._desk.later(request, handler.verb, handler.later)
            await self._whisper.tell(request, found)

    def _show_home(self, user: str) -> None:
        if self._home is not None and user:
            self._tasks.start("show the home", self._home(user))


def _command_body(answer: Answer) -> Json | str:
    if not answer.text and not answer.blocks:
        return ""
    body: Json = {"response_type": "ephemeral", "text": answer.text}
    if answer.blocks:
        body["blocks"] = list(answer.blocks)
    return body


def _form_body(answer: Answer) -> Json:
    if answer.errors:
        return {"response_action": "errors", "errors": dict(answer.errors)}
    if answer.view is not None:
        return {"response_action": "update", "view": answer.view}
    if answer.text or answer.blocks:
        return {"response_action": "update", "view": notice(answer)}
    return {}


def _chosen(request: Request) -> Request:
    action, value = ids.parse_more(request.text)
    return replace(request, name=action, text=value)


def _unknown(request: Request) -> Handler:
    return Handler("unknown", Role.VIEWER, _say_unknown, keep=False)


def _say_unknown(_tx: Tx, request: Request) -> Answer:
    if request.command:
        raise NotFound(f"Tocsin has no command {request.name}. Try `/tickets help`.")
    raise NotFound(
        "That button belongs to another release of Tocsin. `/tickets list` shows what is open now."
    )


def make_app(client: AsyncWebClient, identity: Identity, front: Front) -> AsyncApp:
    """The AsyncApp over `client`, which reaches whatever speaks Slack's API.

    It checks no signatures: in HTTP mode bot.guard stands before it and does. Bolt reads the
    environment by itself, where a client id and secret lead it to serve many teams: Refused.
    """
    token = client.token
    bare = AsyncWebClient(
        base_url=client.base_url,
        session=client.session,
        proxy=client.proxy,
        ssl=client.ssl,
        timeout=client.timeout,
        headers=client.headers,
        retry_handlers=[],
        logger=logging.getLogger("slack_sdk.web"),
    )

    async def authorize(team_id: str | None, enterprise_id: str | None) -> AuthorizeResult:
        return AuthorizeResult(
            enterprise_id=enterprise_id,
            team_id=team_id or identity.team_id,
            bot_token=token,
            bot_id=identity.bot_id,
            bot_user_id=identity.bot_user_id,
        )

    logger = logging.getLogger("slack_bolt")
    logger.setLevel(logging.WARNING)
    app = AsyncApp(
        logger=logger,
        name="tocsin",
        client=bare,
        authorize=authorize,
        process_before_response=True,
        request_verification_enabled=False,
        ssl_check_enabled=False,
    )
    if app.oauth_flow is not None:
        raise Refused(
            "Bolt found settings for many teams in the environment; unset SLACK_CLIENT_ID."
        )
    _listen(app, front)
    return app


def _listen(app: AsyncApp, front: Front) -> None:
    # One listener a kind, over everything: Bolt tries listeners one after another.
    app.command(_ANY)(front.command)
    app.action(_ANY)(front.click)
    app.view_submission(_ANY)(front.form)
    app.view_closed(_ANY)(front.nothing)
    app.shortcut(_ANY)(front.nothing)
    app.options(_ANY)(front.options)
    app.event(_ANY)(front.event)


def asker(slack: Slack) -> Callable[[str, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]:
    """`slack` as bot.roles wants it: an answer, Denied where Slack said no, or Unavailable."""

    async def ask(method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        outcome = await slack.ask(method, **params)
        if isinstance(outcome, Ok):
            return outcome.data
        if isinstance(outcome, RefusedBySlack | AuthFailed):
            raise Denied(method, outcome.code)
        raise Unavailable(f"Slack did not answer {method}: {outcome}")

    return ask
