"""users.*, usergroups.*: who is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.local.model import User
from bot.local.web_api.method import ApiError, Args, Method
from bot.local.web_api.places import page_of

if TYPE_CHECKING:
    from bot.local.workspace import Workspace

Json = dict[str, Any]


def _shown(ws: Workspace, user: User) -> Json:
    return user.as_json(with_email="users:read.email" in ws.state.scopes)


def info(ws: Workspace, args: Args) -> Json:
    user = ws.state.users.get(args.need("user"))
    if user is None:
        raise ApiError("user_not_found")
    return {"user": _shown(ws, user)}


def list_all(ws: Workspace, args: Args) -> Json:
    # A foreign member of a shared channel is known by id but is not in the directory.
    own = [user for user in ws.state.users.values() if not user.foreign]
    page, cursor = page_of(own, args, 1000, 1000)
    return {
        "members": [_shown(ws, user) for user in page],
        "cache_ts": int(ws.state.now_s()),
        "response_metadata": {"next_cursor": cursor},
    }


def by_email(ws: Workspace, args: Args) -> Json:
    wanted = args.need("email").lower()
    for user in ws.state.users.values():
        if user.email == wanted and not (user.deleted or user.is_bot or user.foreign):
            return {"user": _shown(ws, user)}
    raise ApiError("users_not_found")


def groups(ws: Workspace, args: Args) -> Json:
    with_users = args.flag("include_users")
    return {"usergroups": [group.as_json(with_users) for group in ws.state.groups.values()]}


def group_users(ws: Workspace, args: Args) -> Json:
    group = ws.state.groups.get(args.need("usergroup"))
    if group is None:
        raise ApiError("no_such_subteam")
    return {"users": list(group.members)}


GROUPS = ("usergroups:read",)
METHODS = {
    "users.info": Method(info, "4", ("users:read",)),
    "users.list": Method(list_all, "2", ("users:read",)),
    "users.lookupByEmail": Method(by_email, "3", ("users:read.email",)),
    "usergroups.list": Method(groups, "2", GROUPS),
    "usergroups.users.list": Method(group_users, "2", GROUPS),
}
