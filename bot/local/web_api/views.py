"""views.*: open, push, update, publish."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bot.local.validate.views import check_view
from bot.local.web_api.content import refuse
from bot.local.web_api.method import ApiError, Args, Method, invalid_arguments

if TYPE_CHECKING:
    from bot.local.workspace import Workspace

Json = dict[str, Any]
VIEW_MAX = 250_000  # bytes of JSON (slack.md 2.1)


def view_of(args: Args, kind: str) -> Json:
    """The view argument, valid. Raises invalid_arguments or view_too_large."""
    view = args.json("view", "invalid_arguments")
    if view is None:
        raise invalid_arguments("missing required field: view")
    check(view, kind)
    checked: Json = view
    return checked


def check(view: Any, kind: str) -> None:
    """Raise what Slack would say about a view of this kind."""
    if len(json.dumps(view, ensure_ascii=False).encode()) > VIEW_MAX:
        raise ApiError("view_too_large")
    refuse(check_view(view, pointer="/view"), "invalid_arguments")
    if view["type"] != kind:
        raise invalid_arguments(f"view type must be {kind} [json-pointer:/view/type]")


def _exchange(ws: Workspace, args: Args) -> str:
    user, error = ws.triggers.exchange(args.need("trigger_id"))
    if error:
        raise ApiError(error)
    return user


def _unique_external(ws: Workspace, view: Json, besides: str = "") -> None:
    known = ws.views.by_external(view.get("external_id") or "")
    if known is not None and known["id"] != besides:
        raise ApiError("duplicate_external_id")


def open_view(ws: Workspace, args: Args) -> Json:
    view = view_of(args, "modal")
    _unique_external(ws, view)
    return {"view": ws.views.open(_exchange(ws, args), view)}


def push_view(ws: Workspace, args: Args) -> Json:
    view = view_of(args, "modal")
    _unique_external(ws, view)
    user = _exchange(ws, args)
    made = ws.views.push(user, view)
    if made is None:
        raise ApiError("push_limit_reached")
    return {"view": made}


def update_view(ws: Workspace, args: Args) -> Json:
    if args.has("view_id"):
        found = ws.views.all.get(args.text("view_id"))
    else:
        found = ws.views.by_external(args.text("external_id"))
    if found is None:
        raise ApiError("not_found")
    view = view_of(args, found["type"])
    if args.has("hash") and args.text("hash") != found["hash"]:
        raise ApiError("hash_conflict")
    _unique_external(ws, view, besides=found["id"])
    return {"view": ws.views.update(found, view)}


def publish_view(ws: Workspace, args: Args) -> Json:
    user = args.need("user_id")
    if user not in ws.state.users:
        raise invalid_arguments("user not found [json-pointer:/user_id]")
    view = view_of(args, "home")
    home = ws.views.homes.get(user)
    if args.has("hash") and home is not None and args.text("hash") != home["hash"]:
        raise ApiError("hash_conflict")
    return {"view": ws.views.publish(user, view)}


METHODS = {
    "views.open": Method(open_view, "4"),
    "views.push": Method(push_view, "4"),
    "views.update": Method(update_view, "4"),
    "views.publish": Method(publish_view, "4"),
}
