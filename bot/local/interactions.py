"""Commands, clicks and submissions on their way to the app, and what its answers do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bot.local.delivery import Delivery
from bot.local.model import Channel, User
from bot.local.responses import ResponseUrl
from bot.local.web_api.content import compose
from bot.local.web_api.method import ApiError, Args
from bot.local.web_api.views import check

if TYPE_CHECKING:
    from bot.local.workspace import Workspace

Json = dict[str, Any]


class Interactions:
    """Sends what users did; shows them what came back."""

    def __init__(self, workspace: Workspace) -> None:
        self._ws = workspace

    def command(self, user: User, channel: Channel, payload: Json) -> Delivery:
        def answered(answer: Any) -> None:
            url = ResponseUrl("", channel.id, user.id, 0.0)
            body = {"text": answer} if isinstance(answer, str) else answer
            if isinstance(body, dict) and body:
                self._say(delivery, url, body)

        delivery = Delivery(
            "slash_commands",
            payload,
            what="command",
            user=user.id,
            channel=channel.id,
            expects_answer=True,
            on_answer=answered,
        )
        return self._ws.deliveries.send(delivery)

    def _say(self, delivery: Delivery, url: ResponseUrl, body: Json) -> None:
        try:
            self.respond(url, body)
        except ApiError as error:
            self._unusable(delivery, error.error)

    def respond(self, url: ResponseUrl, body: Json) -> None:
        """Do what a response body asks. Raises ApiError."""
        self._ws.answers.apply(url, body, lambda b: self._compose(b))

    def _compose(self, body: Json) -> Any:
        message = compose(self._ws, Args(body))
        message.extra = {"team": self._ws.state.team_id, "bot_profile": self._ws.bot_profile}
        return message

    def click(self, user: User, channel: str, payload: Json, what: str = "action") -> Delivery:
        # The app changes its objects while this waits in a queue: freeze it now.
        frozen = json.loads(json.dumps(payload))
        delivery = Delivery(
            "interactive", frozen, what=what, user=user.id, channel=channel, expects_answer=False
        )
        return self._ws.deliveries.send(delivery)

    def submit(self, user: User, view: Json, payload: Json) -> Delivery:
        delivery = Delivery(
            "interactive",
            json.loads(json.dumps(payload)),
            what="submit",
            user=user.id,
            expects_answer=True,
            on_answer=lambda answer: self._submitted(delivery, user, view, answer),
        )
        return self._ws.deliveries.send(delivery)

    def _submitted(self, delivery: Delivery, user: User, view: Json, answer: Any) -> None:
        views = self._ws.views
        if view["id"] not in views.all:
            return
        if not isinstance(answer, dict) or not answer:
            views.close(view["id"])
            return
        action = answer.get("response_action")
        try:
            if action == "errors":
                self._errors(user, view, answer.get("errors"))
            elif action == "clear":
                views.close_all(user.id)
            elif action in ("update", "push"):
                self._next_view(user, view, action, answer.get("view"))
            else:
                raise ApiError("invalid_response_action")
        except ApiError as error:
            self._unusable(delivery, error.error)

    def _errors(self, user: User, view: Json, errors: Any) -> None:
        inputs = {b["block_id"] for b in view["blocks"] if b["type"] == "input"}
        if not isinstance(errors, dict) or not errors or set(errors) - inputs:
            raise ApiError("invalid_errors")
        said = {str(key): str(value) for key, value in errors.items()}
        self._ws.views.errors[view["id"]] = said
        self._ws.state.news.tell(
            "view_errors", lambda: {"user": user.id, "view_id": view["id"], "errors": said}
        )

    def _next_view(self, user: User, view: Json, action: str, fresh: Any) -> None:
        check(fresh, "modal")
        if action == "update":
            self._ws.views.update(view, fresh)
        elif self._ws.views.push(user.id, fresh) is None:
            raise ApiError("push_limit_reached")

    def _unusable(self, delivery: Delivery, error: str) -> None:
        """The app answered with what Slack cannot use: the user sees the warning triangle."""
        delivery.status, delivery.reason = "undelivered", error
        name = self._ws.state.config.app_name
        self._ws.state.news.tell(
            "undelivered",
            lambda: {
                "user": delivery.user,
                "channel": delivery.channel,
                "what": delivery.what,
                "text": f"{name} answered with something that Slack refuses ({error}).",
            },
        )
