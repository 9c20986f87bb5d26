"""What people do: say, command, click, fill in, react; each act reaches the app as in Slack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bot.local import elements
from bot.local.delivery import Delivery
from bot.local.model import Channel, Message, User
from bot.local.text import escape, rich

if TYPE_CHECKING:
    from bot.local.workspace import Workspace

Json = dict[str, Any]


class Impossible(ValueError):
    """Slack's client would not let this person do that; the text says why."""


class Incomplete(Impossible):
    """A form that Slack's client does not send; `errors` by block_id."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(f"{k}: {v}" for k, v in errors.items()))
        self.errors = errors


class Acts:
    """Acting as one of the users. People are named by name or id, channels by name or id."""

    def __init__(self, workspace: Workspace) -> None:
        self._ws = workspace

    def _person(self, who: str) -> User:
        user = self._ws.state.user(who)
        if user.deleted:
            raise Impossible(f"{user.name} is deactivated")
        return user

    def _here(self, who: str, where: str) -> tuple[User, Channel]:
        user, channel = self._person(who), self._ws.state.channel(where)
        if user.id not in channel.members:
            raise Impossible(f"{user.name} is not in {channel.name or channel.id}")
        if channel.is_archived:
            raise Impossible(f"#{channel.name} is archived")
        return user, channel

    def message(self, user: str, channel: str, text: str, thread_ts: str = "") -> Message:
        """Say something; `@name` becomes a mention as it does when picked in Slack's client."""
        person, place = self._here(user, channel)
        if not text.strip():
            raise Impossible("nothing to say")
        said = escape(self._ws.mentions(text))
        block = rich(said, self._ws.state.ids.block_id())
        message = Message(place.id, "", said, user=person.id, root=thread_ts, blocks=[block])
        message.extra = {"team": person.team_id, "client_msg_id": self._ws.state.ids.uuid()}
        if person.foreign:
            message.extra |= {"user_team": person.team_id, "source_team": person.team_id}
        if person.is_bot:
            message.bot_id, message.app_id = person.bot_id, person.app_id
        return self._ws.messages.post(place, message)

    def command(self, user: str, channel: str, command: str, text: str = "") -> Delivery:
        """Type a slash command."""
        person, place = self._here(user, channel)
        known = {one["command"] for one in self._ws.state.commands}
        if self._ws.state.manifest and command not in known:
            raise Impossible(f"{command} is not a valid command")
        payload = self._ws.payloads.command(person, place, command, text)
        return self._ws.interactions.command(person, place, payload)

    def click(
        self,
        user: str,
        channel: str,
        ts: str,
        action_id: str,
        value: Any = None,
        *,
        block_id: str = "",
        state: Mapping[str, Any] | None = None,
    ) -> Delivery:
        """Press a button of a message, or choose `value` in another of its elements."""
        person, place = self._here(user, channel)
        message = place.messages.get(ts) or place.ephemerals.get(ts)
        if message is None or message.ephemeral_for not in ("", person.id):
            raise Impossible("that message is not there")
        found = elements.find(message.blocks, action_id, block_id)
        if found is None:
            raise Impossible(f"that message has no element {action_id!r}")
        action = elements.action(*found, value, self._now())
        held = elements.values(message.blocks, state or {}, {})
        payload = self._ws.payloads.click(person, place, message, action, held)
        return self._ws.interactions.click(person, place.id, payload)

    def view_click(
        self,
        user: str,
        view_id: str,
        action_id: str,
        value: Any = None,
        *,
        block_id: str = "",
        state: Mapping[str, Any] | None = None,
    ) -> Delivery:
        """Use an element of a modal or of the App Home."""
        person, view = self._person(user), self._view(user, view_id)
        found = elements.find(view["blocks"], action_id, block_id)
        if found is None:
            raise Impossible(f"that view has no element {action_id!r}")
        given = dict(state or {})
        if value is not None and found[1]["type"] in elements.HOLDS:
            given.setdefault(found[0]["block_id"], {action_id: value})
        self._fill(view, given)
        action = elements.action(*found, value, self._now())
        payload = self._ws.payloads.view_click(person, view, action)
        return self._ws.interactions.click(person, "", payload)

    def _fill(self, view: Json, given: Mapping[str, Any]) -> None:
        held = view["state"]["values"]
        view["state"] = {"values": elements.values(view["blocks"], given, held)}

    def _view(self, user: str, view_id: str) -> Json:
        person = self._person(user)
        view = self._ws.views.all.get(view_id)
        if view is None or self._ws.views.owner.get(view_id) != person.id:
            raise Impossible("that view is not open")
        return view

    def submit(self, user: str, view_id: str, values: Mapping[str, Any] | None = None) -> Delivery:
        """Fill in a modal and submit it. Raises Incomplete for what the client would not send."""
        person, view = self._person(user), self._view(user, view_id)
        if view["type"] != "modal":
            raise Impossible("that view cannot be submitted")
        self._fill(view, values or {})
        errors = elements.missing(view["blocks"], view["state"]["values"])
        if errors:
            raise Incomplete(errors)
        payload = self._ws.payloads.submission(person, view)
        return self._ws.interactions.submit(person, view, payload)

    def close(self, user: str, view_id: str) -> Delivery | None:
        """Close a modal by its close button; told to the app when it asked to know."""
        person, view = self._person(user), self._view(user, view_id)
        if view["clear_on_close"]:
            self._ws.views.close_all(person.id)
        else:
            self._ws.views.close(view_id)
        if not view["notify_on_close"]:
            return None
        payload = self._ws.payloads.closed(person, view, cleared=view["clear_on_close"])
        return self._ws.interactions.click(person, "", payload, what="close")

    def shortcut(
        self, user: str, callback_id: str, channel: str = "", message_ts: str = ""
    ) -> Delivery:
        """Use a global shortcut, or a message's."""
        person, at = self._person(user), self._now()
        if not message_ts:
            payload = self._ws.payloads.shortcut(person, callback_id, at)
            return self._ws.interactions.click(person, "", payload, what="shortcut")
        _, place = self._here(user, channel)
        message = self._ws.state.message(place.id, message_ts)
        payload = self._ws.payloads.message_shortcut(person, callback_id, at, place, message)
        return self._ws.interactions.click(person, place.id, payload, what="shortcut")

    def home(self, user: str, tab: str = "home") -> Delivery | None:
        """Open the App Home."""
        person = self._person(user)
        return self._ws.events.home_opened(person, self._ws.views.homes.get(person.id), tab)

    def reaction(self, user: str, channel: str, ts: str, name: str, remove: bool = False) -> bool:
        person, place = self._here(user, channel)
        message = self._ws.state.message(place.id, ts)
        return self._ws.messages.react(place, message, person.id, name, not remove)

    def delete(self, user: str, channel: str, ts: str) -> None:
        """Delete a message: one's own, or any for an admin; an ephemeral one is dismissed."""
        person, place = self._here(user, channel)
        if (whisper := place.ephemerals.get(ts)) is not None:
            if whisper.ephemeral_for == person.id:
                self._ws.messages.forget_ephemeral(place, whisper)
            return
        message = self._ws.state.message(place.id, ts)
        if message.user != person.id and not person.is_admin:
            raise Impossible(f"{person.name} may not delete that message")
        self._ws.messages.delete(place, message)

    def _now(self) -> str:
        return f"{self._ws.state.now_s():.6f}"
