"""Modals and App Homes: each user's stack of views, their hashes and their states."""

from __future__ import annotations

from typing import Any

from bot.local.state import State

Json = dict[str, Any]
STACK_MAX = 3
COPIED = (
    "type", "title", "submit", "close", "blocks", "private_metadata", "callback_id",
    "external_id", "clear_on_close", "notify_on_close",
)  # fmt: skip


class Views:
    """Who sees which views."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.all: dict[str, Json] = {}
        self.owner: dict[str, str] = {}
        self.stacks: dict[str, list[str]] = {}
        self.homes: dict[str, Json] = {}
        self.errors: dict[str, dict[str, str]] = {}

    def _make(self, view: Json) -> Json:
        state, ids = self._state, self._state.ids
        made: Json = {
            "id": ids.make("V"),
            "team_id": state.team_id,
            "type": view["type"],
            "private_metadata": "",
            "callback_id": "",
            "external_id": "",
            "title": None,
            "submit": None,
            "close": None,
            "clear_on_close": False,
            "notify_on_close": False,
            "previous_view_id": None,
            "app_id": state.app_id,
            "app_installed_team_id": state.team_id,
            "bot_id": state.bot_id,
            "state": {"values": {}},
        }
        self._fill(made, view)
        made["root_view_id"] = made["id"]
        return made

    def _fill(self, made: Json, view: Json) -> None:
        ids = self._state.ids
        made |= {key: view[key] for key in COPIED if key in view}
        made["blocks"] = [
            b if b.get("block_id") else {**b, "block_id": ids.block_id()} for b in made["blocks"]
        ]
        made["hash"] = f"{int(self._state.now_s())}.{ids.secret(8)}"

    def by_external(self, external_id: str) -> Json | None:
        found = (v for v in self.all.values() if v["external_id"] == external_id)
        return next(found, None) if external_id else None

    def top(self, user: str) -> Json | None:
        """The modal that a user sees now."""
        stack = self.stacks.get(user)
        return self.all[stack[-1]] if stack else None

    def open(self, user: str, view: Json) -> Json:
        """A new modal, in place of whatever the user had open."""
        self.close_all(user, tell=False)
        made = self._make(view)
        self._remember(user, made)
        self.stacks[user] = [made["id"]]
        self._state.news.tell("view_opened", lambda: {"user": user, "view": made})
        return made

    def push(self, user: str, view: Json) -> Json | None:
        """A modal over the present one; None when three are stacked already."""
        stack = self.stacks.setdefault(user, [])
        if len(stack) >= STACK_MAX:
            return None
        made = self._make(view)
        if stack:
            made["previous_view_id"] = stack[-1]
            made["root_view_id"] = stack[0]
        self._remember(user, made)
        stack.append(made["id"])
        self._state.news.tell("view_pushed", lambda: {"user": user, "view": made})
        return made

    def _remember(self, user: str, made: Json) -> None:
        self.all[made["id"]] = made
        self.owner[made["id"]] = user

    def update(self, made: Json, view: Json) -> Json:
        """Another content for a view that is there; what was typed in kept blocks stays."""
        fresh = {**made, "title": None, "submit": None, "close": None}
        fresh |= {"private_metadata": "", "callback_id": "", "external_id": ""}
        self._fill(fresh, view)
        values = made["state"]["values"]
        kept = {
            b["block_id"]: values[b["block_id"]] for b in fresh["blocks"] if b["block_id"] in values
        }
        fresh["state"] = {"values": kept}
        made.clear()
        made.update(fresh)
        user = self.owner[made["id"]]
        kind = "home" if made["type"] == "home" else "view_updated"
        self._state.news.tell(kind, lambda: {"user": user, "view": made})
        return made

    def publish(self, user: str, view: Json) -> Json:
        """The App Home of a user."""
        home = self.homes.get(user)
        if home is not None:
            return self.update(home, view)
        made = self._make(view)
        self._remember(user, made)
        self.homes[user] = made
        self._state.news.tell("home", lambda: {"user": user, "view": made})
        return made

    def close(self, view_id: str) -> None:
        """One view closes: the one below shows again."""
        user = self.owner.pop(view_id)
        self.all.pop(view_id, None)
        if view_id in self.stacks.get(user, []):
            self.stacks[user].remove(view_id)
        self._state.news.tell(
            "view_closed", lambda: {"user": user, "view_id": view_id, "all": False}
        )

    def close_all(self, user: str, tell: bool = True) -> list[Json]:
        """Every modal of a user closes; the closed ones."""
        stack = self.stacks.pop(user, [])
        closed = [self.all.pop(view_id) for view_id in stack]
        for view_id in stack:
            self.owner.pop(view_id, None)
        if closed and tell:
            last = stack[-1]
            self._state.news.tell(
                "view_closed", lambda: {"user": user, "view_id": last, "all": True}
            )
        return closed
