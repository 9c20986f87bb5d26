"""The acts of the control API: from a JSON body to something that a user does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bot.local.acts import Impossible, Incomplete
from bot.local.workspace import Workspace

Json = dict[str, Any]
# What is done to open sockets at once instead of being armed for the next.
AT_ONCE: dict[str, Callable[[Workspace, int], int]] = {
    "refresh": lambda ws, times: ws.sockets.refresh(count=times),
    "half_open": lambda ws, times: ws.sockets.hang(times),
    "abort": lambda ws, times: ws.sockets.abort(times),
}


class Body:
    """A request's body, read with errors in words."""

    def __init__(self, values: Json) -> None:
        self.values = values

    def text(self, name: str) -> str:
        value = self.values.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise ValueError(f"{name} must be a text")
        return value

    def need(self, name: str) -> str:
        if not (value := self.text(name)):
            raise ValueError(f"{name} is missing")
        return value

    def dict(self, name: str) -> Json:
        value = self.values.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise ValueError(f"{name} must be an object")
        return value

    def number(self, name: str, default: float) -> float:
        value = self.values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{name} must be a number")
        return value


def _message(ws: Workspace, body: Body) -> Json:
    user, channel = body.need("user"), body.need("channel")
    said = ws.acts.message(user, channel, body.need("text"), body.text("thread_ts"))
    return {"ts": said.ts}


def _command(ws: Workspace, body: Body) -> None:
    user, channel = body.need("user"), body.need("channel")
    ws.acts.command(user, channel, body.need("command"), body.text("text"))


def _action(ws: Workspace, body: Body) -> None:
    user, action_id = body.need("user"), body.need("action_id")
    given = {
        k: v for k, v in body.dict("action").items() if k.startswith("selected_") or k == "value"
    }
    more: Json = {"block_id": body.text("block_id"), "state": body.dict("state")}
    if view_id := body.text("view_id"):
        ws.acts.view_click(user, view_id, action_id, given or None, **more)
        return
    channel, ts = body.need("channel"), body.need("message_ts")
    ws.acts.click(user, channel, ts, action_id, given or None, **more)


def _submit(ws: Workspace, body: Body) -> None:
    user, view_id = body.need("user"), body.need("view_id")
    try:
        ws.acts.submit(user, view_id, body.dict("state"))
    except Incomplete as error:
        person, errors = ws.user(user).id, error.errors
        ws.state.news.tell(
            "view_errors", lambda: {"user": person, "view_id": view_id, "errors": errors}
        )


def _close(ws: Workspace, body: Body) -> None:
    ws.acts.close(body.need("user"), body.need("view_id"))


def _shortcut(ws: Workspace, body: Body) -> None:
    user, callback_id = body.need("user"), body.need("callback_id")
    ws.acts.shortcut(user, callback_id, body.text("channel"), body.text("message_ts"))


def _home(ws: Workspace, body: Body) -> None:
    ws.acts.home(body.need("user"))


def _reaction(ws: Workspace, body: Body) -> None:
    user, channel, ts = body.need("user"), body.need("channel"), body.need("ts")
    ws.acts.reaction(user, channel, ts, body.need("name"), body.values.get("remove") is True)


def _delete(ws: Workspace, body: Body) -> None:
    ws.acts.delete(body.need("user"), body.need("channel"), body.need("ts"))


def _channel(ws: Workspace, body: Body) -> Json | None:
    user, verb = ws.user(body.need("user")), body.need("do")
    if user.is_restricted or user.foreign or user.deleted:
        raise Impossible(f"{user.name} may not change channels")
    if verb == "create":
        name = body.need("name").removeprefix("#")
        if ws.state.find_channel(name) is not None:
            raise Impossible(f"#{name} exists already")
        return {"channel": ws.places.create(name, user.id).brief()}
    channel = ws.channel(body.need("channel"))
    app = ws.state.bot_user_id
    if verb == "invite_app":
        ws.places.join(channel, app, user.id)
    elif verb == "kick_app":
        ws.places.leave(channel, app)
    elif verb in ("archive", "unarchive"):
        ws.places.archive(channel, user.id, verb == "archive")
    else:
        raise ValueError(f"nothing known of {verb!r}")
    return {"channel": channel.brief()}


ACTS: dict[str, Callable[[Workspace, Body], Json | None]] = {
    "message": _message,
    "command": _command,
    "action": _action,
    "submit": _submit,
    "close": _close,
    "shortcut": _shortcut,
    "home": _home,
    "reaction": _reaction,
    "delete": _delete,
    "channel": _channel,
}


def arm(ws: Workspace, body: Body) -> None:
    """Arm a fault; half_open, refresh and abort of open sockets happen at once."""
    method, kind = body.need("method"), body.need("fault")
    times = int(body.number("times", 1))
    if method == "socket" and kind in AT_ONCE and ws.sockets.connected:
        AT_ONCE[kind](ws, times)
        return
    how: Json = {"times": times, "seconds": float(body.number("seconds", 1.0))}
    how |= {"retry_after": int(body.number("retry_after", 1))}
    if body.text("error"):
        how["error"] = body.text("error")
    if body.text("channel"):
        how["channel"] = body.text("channel")
    ws.faults.arm(method, kind, **how)
