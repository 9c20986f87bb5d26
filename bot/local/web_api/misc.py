"""auth.test, api.test, apps.connections.open, team.info, bots.info, blocks.validate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.local.validate.message import Issue, check_blocks, check_message
from bot.local.validate.views import check_view
from bot.local.web_api.method import ApiError, Args, Method, invalid_arguments

if TYPE_CHECKING:
    from bot.local.workspace import Workspace

Json = dict[str, Any]


def auth_test(ws: Workspace, args: Args) -> Json:
    state = ws.state
    return {
        "url": f"{state.base_url}/",
        "team": state.config.team_name,
        "user": state.config.app_name,
        "team_id": state.team_id,
        "user_id": state.bot_user_id,
        "bot_id": state.bot_id,
        "is_enterprise_install": False,
    }


def api_test(ws: Workspace, args: Args) -> Json:
    if args.has("error"):
        raise ApiError(args.text("error"), args=args.values)
    return {"args": args.values}


def connections_open(ws: Workspace, args: Args) -> Json:
    base = ws.state.base_url.replace("http", "ws", 1)
    return {"url": f"{base}/socket/{ws.sockets.ticket()}"}


def team_info(ws: Workspace, args: Args) -> Json:
    team = ws.state.team() | {"email_domain": "example.com", "icon": {"image_default": True}}
    return {"team": team}


def bots_info(ws: Workspace, args: Args) -> Json:
    wanted = args.text("bot") or ws.state.bot_id
    for user in ws.state.users.values():
        if user.is_bot and user.bot_id == wanted:
            return {
                "bot": {
                    "id": user.bot_id,
                    "deleted": user.deleted,
                    "name": user.name,
                    "updated": 1_700_000_000,
                    "app_id": user.app_id,
                    "user_id": user.id,
                    "icons": {},
                }
            }
    raise ApiError("bot_not_found")


def blocks_validate(ws: Workspace, args: Args) -> Json:
    """Exactly one of blocks, message, view; the issues in the documented shape (slack.md 3.5)."""
    given = [name for name in ("blocks", "message", "view") if args.has(name)]
    if len(given) != 1:
        raise invalid_arguments("provide exactly one of blocks, view, or message")
    name = given[0]
    value = args.json(name, f"invalid_{name}")
    issues = _CHECKS[name](value)
    if issues:
        raise ApiError(f"invalid_{name}", errors=[issue.as_json() for issue in issues])
    return {}


def _blocks(value: Any) -> list[Issue]:
    return check_blocks(value, pointer="", surface="any")


_CHECKS = {"blocks": _blocks, "message": check_message, "view": check_view}

METHODS = {
    "auth.test": Method(auth_test, "special"),
    "api.test": Method(api_test, "4", token="none"),
    "apps.connections.open": Method(connections_open, "3", token="app"),
    "team.info": Method(team_info, "3", ("team:read",)),
    "bots.info": Method(bots_info, "3", ("users:read",)),
    "blocks.validate": Method(blocks_validate, "special", token="any"),
}
