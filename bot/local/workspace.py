"""A Slack workspace in memory: its parts wired together, and what tests and programs ask of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any, TypeVar

from bot.local.acts import Acts
from bot.local.answers import Answers
from bot.local.cast import Config, Limits
from bot.local.clock import Clock
from bot.local.delivery import Deliveries, Delivery
from bot.local.events import Events
from bot.local.faults import Fault, Faults
from bot.local.files import Files
from bot.local.http_delivery import HttpDelivery
from bot.local.interactions import Interactions
from bot.local.messages import Messages
from bot.local.model import Channel, Message, User
from bot.local.payloads import Payloads
from bot.local.places import Places
from bot.local.ratelimit import RateLimits
from bot.local.responses import ResponseUrls
from bot.local.socket import SocketHub
from bot.local.state import State
from bot.local.triggers import Triggers
from bot.local.views import Views

T = TypeVar("T")
Json = dict[str, Any]
PATIENCE_S = 10.0


class Workspace:
    """Team, people and channels, with one app installed.

    `acts` does what users do, `faults` breaks things, `state.calls` is the log of what the app
    called and `deliveries.all` that of what it was sent. `until` waits for anything without
    sleeping. Users and channels are named by id or by name.
    """

    def __init__(self, config: Config | None = None, clock: Clock | None = None) -> None:
        self.state = State(config or Config(), clock)
        self.faults = Faults(self.state)
        self.limits = RateLimits(self.state.config.limits, self.state.clock)
        self.deliveries = Deliveries(self.state, self.faults)
        self.sockets = SocketHub(self.state, self.deliveries, self.faults)
        self.deliveries.socket = self.sockets
        self.http = HttpDelivery(self.state, self.deliveries)
        self.deliveries.http = self.http
        self.files = Files(self.state)
        self.events = Events(self.state, self.deliveries)
        self.messages = Messages(self.state, self.events)
        self.places = Places(self.state, self.events)
        self.triggers = Triggers(self.state)
        self.responses = ResponseUrls(self.state)
        self.views = Views(self.state)
        self.payloads = Payloads(self.state, self.triggers, self.responses)
        self.answers = Answers(self.state, self.messages)
        self.interactions = Interactions(self)
        self.acts = Acts(self)
        self._closing: asyncio.Event | None = None
        self.scheduled: dict[str, tuple[str, int, Message]] = {}
        self.statuses: dict[tuple[str, str], tuple[str, list[str], float]] = {}
        self.titles: dict[tuple[str, str], str] = {}
        self.prompts: dict[tuple[str, str], list[Json]] = {}
        self.bot_profile = {
            "id": self.state.bot_id,
            "app_id": self.state.app_id,
            "user_id": self.state.bot_user_id,
            "name": self.state.config.app_name,
            "deleted": False,
            "updated": 1_700_000_000,
            "team_id": self.state.team_id,
        }

    # --- looking -------------------------------------------------------------------------------
    def user(self, who: str) -> User:
        return self.state.user(who)

    def channel(self, where: str) -> Channel:
        return self.state.channel(where)

    def posts(self, where: str) -> list[Message]:
        """The top-level messages of a channel, oldest first."""
        channel = self.state.channel(where)
        return [channel.messages[ts] for ts in channel.timeline]

    def replies(self, where: str, ts: str) -> list[Message]:
        """The answers in a thread, oldest first, without the root."""
        channel = self.state.channel(where)
        root = channel.messages.get(ts)
        return [channel.messages[one] for one in root.replies] if root is not None else []

    def whispers(self, where: str, who: str) -> list[Message]:
        """The ephemeral messages that a user sees in a channel, oldest first."""
        user = self.state.user(who).id
        found = self.state.channel(where).ephemerals.values()
        return [message for message in found if message.ephemeral_for == user]

    def view(self, who: str) -> Json | None:
        """The modal that a user sees now."""
        return self.views.top(self.state.user(who).id)

    def view_errors(self, view_id: str) -> dict[str, str]:
        """The errors that the app's last answer put on a modal's fields."""
        return self.views.errors.get(view_id, {})

    def home(self, who: str) -> Json | None:
        """A user's App Home."""
        return self.views.homes.get(self.state.user(who).id)

    def calls(self, method: str = "") -> list[Any]:
        """The Web API calls so far, oldest first."""
        return [call for call in self.state.calls if method in ("", call.method)]

    # --- waiting -------------------------------------------------------------------------------
    async def until(self, predicate: Callable[[], T], timeout_s: float = PATIENCE_S) -> T:
        """The first truthy answer of `predicate`, asked after each change. Raises TimeoutError."""
        return await self.state.news.until(predicate, timeout_s)

    async def settled(self, delivery: Delivery, timeout_s: float = PATIENCE_S) -> Delivery:
        """Wait until a delivery was acknowledged or given up."""
        await self.until(lambda: delivery.status != "waiting", timeout_s)
        return delivery

    async def connected(self, sockets: int = 1, timeout_s: float = PATIENCE_S) -> None:
        """Wait until the app holds this many connections."""
        await self.until(lambda: self.sockets.connected >= sockets, timeout_s)

    # --- arranging -----------------------------------------------------------------------------
    def fault(self, method: str, kind: str, **how: Any) -> Fault:
        """Arm a fault: see Faults.arm."""
        return self.faults.arm(method, kind, **how)

    def limit(self, limits: Limits) -> None:
        """Other rate limits from now on."""
        self.limits.replace(limits)

    def mentions(self, text: str) -> str:
        """`@name` as the client sends it when a person picked that name."""

        def named(found: re.Match[str]) -> str:
            name = found.group(1).lower()
            for user in self.state.users.values():
                if user.name == name:
                    return f"<@{user.id}>"
            return found.group()

        return re.sub(r"(?<![\w<])@([\w.-]+)", named, text)

    def forget_status(self, key: tuple[str, str], born: float) -> None:
        """Clear an assistant's status unless a newer one took its place."""
        if key in self.statuses and self.statuses[key][2] == born:
            del self.statuses[key]

    # --- living --------------------------------------------------------------------------------
    async def hang(self) -> None:
        """Wait until the server closes: a call that is never answered."""
        if self._closing is None:
            self._closing = asyncio.Event()
        await self._closing.wait()

    async def close(self) -> None:
        """End every connection and everything that waits."""
        if self._closing is not None:
            self._closing.set()
            self._closing = None
        await self.sockets.close()
        await self.http.close()
        await self.state.timers.close()
        await self.state.tasks.cancel()
