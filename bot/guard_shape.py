"""Whether what Slack posts has the shape that Bolt and our own readers take for granted. Pure.

Bolt answers a misshapen payload with a 500, which invites a repetition of what can never work.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_OBJECTS = ("user", "team", "channel", "container", "view", "enterprise", "message", "state")
_NEEDED = {
    "block_actions": "actions",
    "view_submission": "view",
    "view_closed": "view",
    "event_callback": "event",
}
"""What a payload of a type cannot do without."""


def well_shaped(found: Mapping[str, Any]) -> bool:
    """Whether a payload can be read without a surprise; unknown types and fields are welcome."""
    kind = found.get("type")
    if not isinstance(kind, str):
        return False
    needed = _NEEDED.get(kind)
    if needed is not None and not found.get(needed):
        return False
    return all(_object(found.get(name)) for name in _OBJECTS) and _inside(found)


def _inside(found: Mapping[str, Any]) -> bool:
    actions, event = found.get("actions"), found.get("event")
    view = found.get("view") or {}
    return (
        (actions is None or _actions(actions))
        and (event is None or (isinstance(event, dict) and isinstance(event.get("type"), str)))
        and _object(view.get("state"))
        and _object((view.get("state") or {}).get("values"))
        and isinstance(view.get("callback_id", ""), str)
        and _list(found.get("authorizations"))
    )


def _actions(actions: object) -> bool:
    if not isinstance(actions, list):
        return False
    return all(
        isinstance(one, dict)
        and isinstance(one.get("action_id", ""), str)
        and _object(one.get("selected_option"))
        for one in actions
    )


def _object(thing: object) -> bool:
    """An object or nothing; whoever has an id has it as text."""
    if thing is None:
        return True
    return isinstance(thing, dict) and isinstance(thing.get("id") or "", str)


def _list(thing: object) -> bool:
    return thing is None or (isinstance(thing, list) and all(isinstance(o, dict) for o in thing))
