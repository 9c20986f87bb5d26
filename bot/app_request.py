"""What a person asked for, whichever way it came, and what they are told."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import msgspec

from bot.blocks import Message
from bot.notes import note
from bot.roles import Role
from core.db import Tx

Json = dict[str, Any]
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Request:
    """One command, click or submitted form.

    `id` survives redelivery. `name` is the command, action id or callback id; `text` a command's
    words or a button's value (a form's private_metadata). `values` are a form's inputs by block id
    and action id. `private` says that the button sat in a message that only this person sees,
    `home` that it sat in the App Home, `modal` that it sat in a modal, `form` that a modal was
    submitted. `view_id` is the modal in which the button sat.
    """

    id: str
    user: str
    team: str
    name: str
    text: str = ""
    channel: str = ""
    thread_ts: str = ""
    trigger_id: str = ""
    response_url: str = ""
    values: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    private: bool = False
    home: bool = False
    modal: bool = False
    form: bool = False
    command: bool = False
    view_id: str = ""

    @property
    def actor(self) -> str:
        """The person as core knows them."""
        return f"slack:{self.user}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What one person is told; all empty when the change itself is answer enough.

    `view` is a modal to open (for a submitted form: to show in its place). `errors` go to a form's
    inputs by block id. `in_place` replaces the private message or the modal in which the button
    sat. `outcome` is one word for the record.
    """

    text: str = ""
    blocks: tuple[Json, ...] = ()
    view: Json | None = None
    errors: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    in_place: bool = False
    outcome: str = "done"


def answer_of(message: Message, outcome: str = "done", *, in_place: bool = False) -> Answer:
    """A message as an answer."""
    return Answer(message.text, message.blocks, outcome=outcome, in_place=in_place)


def words(text: str, outcome: str = "done") -> Answer:
    """Plain words as an answer: whatever is in them, nothing of it is markup."""
    return answer_of(note(text), outcome)


Later = Callable[[Request], Awaitable[Answer]]
"""What takes longer than an acknowledgement may: reads of living systems."""

ASKED = "asked"
"""The outcome of an answer after which `later` follows."""


@dataclass(frozen=True, slots=True)
class Handler:
    """What answers a request: one function of a transaction.

    `verb` names it in the record. `keep` False marks a question: nothing changes, so a second
    delivery is answered anew instead of from the record. `later` is done after the acknowledgement
    of an answer whose outcome is ASKED, once: its answer takes the place of the modal that was
    opened, or is told in private.
    """

    verb: str
    needs: Role
    run: Callable[[Tx, Request], Answer]
    keep: bool = True
    later: Later | None = None


Choose = Callable[[Request], Handler]
"""Which handler a request means; pure, looks at the words only."""


@dataclass(frozen=True, slots=True)
class Book:
    """All that the bot answers to, by command, action id, callback id and type of event."""

    commands: Mapping[str, Choose] = field(default_factory=lambda: _NOTHING)
    actions: Mapping[str, Choose] = field(default_factory=lambda: _NOTHING)
    forms: Mapping[str, Choose] = field(default_factory=lambda: _NOTHING)
    events: Mapping[str, Choose] = field(default_factory=lambda: _NOTHING)

    def joined(self, other: Book) -> Book:
        """Both books as one; a name that is in both is a mistake."""
        for mine, theirs in (
            (self.commands, other.commands),
            (self.actions, other.actions),
            (self.forms, other.forms),
            (self.events, other.events),
        ):
            if twice := set(mine) & set(theirs):
                raise ValueError(f"answered twice: {', '.join(sorted(twice))}")
        return Book(
            {**self.commands, **other.commands},
            {**self.actions, **other.actions},
            {**self.forms, **other.forms},
            {**self.events, **other.events},
        )


_decode = msgspec.json.Decoder(Answer)


def stored(answer: Answer) -> str:
    """An answer as it is kept."""
    return msgspec.json.encode(answer, enc_hook=dict).decode()


def recalled(text: str) -> Answer:
    """The reverse of `stored`. A modal is not opened twice: its trigger is used up."""
    return replace(_decode.decode(text), view=None)


def from_command(body: Json) -> Request:
    """A slash command."""
    return Request(
        id=_id(body),
        user=str(body.get("user_id", "")),
        team=str(body.get("team_id", "")),
        name=str(body.get("command", "")),
        text=str(body.get("text") or ""),
        channel=str(body.get("channel_id", "")),
        trigger_id=str(body.get("trigger_id", "")),
        response_url=str(body.get("response_url", "")),
        command=True,
    )


def from_click(body: Json) -> Request:
    """A click on a button, or a choice in a menu."""
    action = (body.get("actions") or [{}])[0]
    container = body.get("container") or {}
    chosen = action.get("selected_option") or {}
    view = body.get("view") or {}
    user = body.get("user") or {}
    return Request(
        id=_id(body),
        user=str(user.get("id", "")),
        team=_team(body),
        name=str(action.get("action_id", "")),
        text=str(action.get("value") or chosen.get("value") or ""),
        channel=str((body.get("channel") or {}).get("id") or container.get("channel_id") or ""),
        thread_ts=str(container.get("thread_ts") or ""),
        trigger_id=str(body.get("trigger_id", "")),
        response_url=str(body.get("response_url") or ""),
        private=bool(container.get("is_ephemeral")),
        home=view.get("type") == "home",
        modal=view.get("type") == "modal",
        view_id=str(view.get("id") or ""),
    )


def from_form(body: Json) -> Request:
    """A submitted modal."""
    view = body.get("view") or {}
    return Request(
        id=_id(body),
        user=str((body.get("user") or {}).get("id", "")),
        team=_team(body),
        name=str(view.get("callback_id", "")),
        text=str(view.get("private_metadata") or ""),
        trigger_id=str(body.get("trigger_id", "")),
        values=(view.get("state") or {}).get("values") or {},
        form=True,
    )


def from_event(body: Json) -> Request | None:
    """Something that a person said; None for whatever a program said, itself included."""
    event = body.get("event") or {}
    user = str(event.get("user") or "")
    if not user or event.get("bot_id") or event.get("subtype"):
        return None
    return Request(
        id=str(body.get("event_id") or _id(body))[:255],
        user=user,
        # Somebody of a connected workspace says so in the event itself.
        team=str(event.get("user_team") or event.get("team") or body.get("team_id") or ""),
        name=str(event.get("type", "")),
        text=str(event.get("text") or ""),
        channel=str(event.get("channel", "")),
        thread_ts=str(event.get("thread_ts") or ""),
    )


def _team(body: Json) -> str:
    user = body.get("user") or {}
    return str(user.get("team_id") or (body.get("team") or {}).get("id") or "")


def _id(body: Json) -> str:
    trigger = body.get("trigger_id")
    if trigger:
        return str(trigger)[:255]
    # Nothing that Slack sends lacks one today; what does is known by its content.
    text = json.dumps(body, sort_keys=True, default=str)
    return "digest:" + hashlib.sha256(text.encode()).hexdigest()
