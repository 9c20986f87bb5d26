"""What Slack accepts inside a block: elements, text objects, and their limits, as tables. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import setitem
from typing import Any

from bot.text import size

Json = Mapping[str, Any]
MALFORMED = (AttributeError, KeyError, TypeError, ValueError)
"""What reading a block raises that has another shape than any block has."""
BROADCAST = re.compile(r"<!(?=(?:channel|here|everyone)\b)")


@dataclass(slots=True)
class Problems:
    """What was found wrong, each with its place in the message."""

    said: list[str] = field(default_factory=list)

    def add(self, at: str, what: str) -> None:
        """One problem."""
        self.said.append(f"{at or '/'}: {what}")

    def length(self, at: str, text: Any, least: int, most: int) -> None:
        """Text of at least `least` and at most `most` characters."""
        if not isinstance(text, str):
            self.add(at, "must be text")
        elif size(text) > most:
            self.add(at, f"{size(text):,} characters; {most:,} may be")
        elif len(text) < least:
            self.add(at, "is empty")

    def markup(self, at: str, text: Any) -> None:
        """A message of ours never calls a whole channel."""
        if isinstance(text, str) and BROADCAST.search(text):
            self.add(at, "calls a whole channel")

    def keys(self, at: str, thing: Json, allowed: frozenset[str]) -> None:
        """Slack refuses what it does not know."""
        for extra in sorted(set(thing) - allowed):
            self.add(at, f"{extra} does not belong here")

    def text(self, at: str, thing: Any, most: int) -> None:
        """A text object of either kind."""
        if not isinstance(thing, Mapping) or thing.get("type") not in ("plain_text", "mrkdwn"):
            self.add(at, "must be a text object")
            return
        if thing["type"] == "plain_text":
            self.keys(at, thing, frozenset({"type", "text", "emoji"}))
        else:
            self.keys(at, thing, frozenset({"type", "text", "verbatim"}))
            self.markup(at, thing.get("text"))
        self.length(f"{at}/text", thing.get("text"), 1, most)

    def plain(self, at: str, thing: Any, most: int) -> None:
        """A plain_text object."""
        self.text(at, thing, most)
        if isinstance(thing, Mapping) and thing.get("type") == "mrkdwn":
            self.add(at, "must be plain_text")

    def count(self, at: str, things: Any, least: int, most: int) -> Sequence[Any]:
        """A list of so many."""
        if not isinstance(things, (list, tuple)):
            self.add(at, "must be a list")
            return ()
        if not least <= len(things) <= most:
            self.add(at, f"{len(things)} there; {least} to {most} may be")
        return things


Check = Callable[[Problems, str, Json], None]


def check_block(found: Problems, at: str, block: Json) -> None:
    """One block, with everything in it."""
    kind = str(block.get("type"))
    if kind not in _BLOCKS:
        found.add(at, f"{kind} is no block that we send")
        return
    keys, check = _BLOCKS[kind]
    found.keys(at, block, frozenset({"type", "block_id", *keys.split()}))
    found.length(f"{at}/block_id", block.get("block_id", ""), 0, 255)
    try:
        check(found, at, block)
    except MALFORMED:
        found.add(at, "is malformed")


def _header(found: Problems, at: str, block: Json) -> None:
    found.plain(f"{at}/text", block.get("text"), 150)


def _section(found: Problems, at: str, block: Json) -> None:
    if "text" not in block and "fields" not in block:
        found.add(at, "needs text or fields")
    if "text" in block:
        found.text(f"{at}/text", block["text"], 3000)
    if "fields" in block:
        for i, one in enumerate(found.count(f"{at}/fields", block["fields"], 1, 10)):
            found.text(f"{at}/fields/{i}", one, 2000)
    if "accessory" in block:
        _element(found, f"{at}/accessory", block["accessory"])


def _context(found: Problems, at: str, block: Json) -> None:
    for i, one in enumerate(found.count(f"{at}/elements", block.get("elements"), 1, 10)):
        if isinstance(one, Mapping) and one.get("type") == "image":
            _image(found, f"{at}/elements/{i}", one)
        else:
            found.text(f"{at}/elements/{i}", one, 2000)


def _actions(found: Problems, at: str, block: Json) -> None:
    ids: set[Any] = set()
    for i, one in enumerate(found.count(f"{at}/elements", block.get("elements"), 1, 25)):
        _element(found, f"{at}/elements/{i}", one)
        if one.get("action_id") in ids:
            found.add(f"{at}/elements/{i}/action_id", "is there twice")
        ids.add(one.get("action_id"))


def _image(found: Problems, at: str, block: Json) -> None:
    found.length(f"{at}/alt_text", block.get("alt_text"), 1, 2000)
    if "slack_file" not in block:
        found.length(f"{at}/image_url", block.get("image_url"), 1, 3000)


def _input(found: Problems, at: str, block: Json) -> None:
    found.plain(f"{at}/label", block.get("label"), 2000)
    if "hint" in block:
        found.plain(f"{at}/hint", block["hint"], 2000)
    _element(found, f"{at}/element", block.get("element"))


def _divider(found: Problems, at: str, block: Json) -> None:
    """A divider holds nothing."""


_LEAVES = {
    "text": ("text", "text style"),
    "date": ("format", "timestamp format fallback url style"),
    "user": ("user_id", "user_id style"),
    "usergroup": ("usergroup_id", "usergroup_id style"),
    "channel": ("channel_id", "channel_id style"),
    "link": ("url", "url text style unsafe"),
    "emoji": ("name", "name unicode style"),
}


def _rich_text(found: Problems, at: str, block: Json) -> None:
    for i, one in enumerate(found.count(f"{at}/elements", block.get("elements"), 1, 100)):
        _rich_part(found, f"{at}/elements/{i}", one)


def _rich_part(found: Problems, at: str, part: Json) -> None:
    kind = part.get("type")
    inner = found.count(f"{at}/elements", part.get("elements"), 1, 400)
    if kind == "rich_text_list":
        if part.get("style") not in ("bullet", "ordered"):
            found.add(f"{at}/style", "must be bullet or ordered")
        for i, one in enumerate(inner):
            _rich_part(found, f"{at}/elements/{i}", one)
        return
    if kind not in ("rich_text_section", "rich_text_quote", "rich_text_preformatted"):
        found.add(at, f"{kind} is no part of rich text that we send")
        return
    for i, one in enumerate(inner):
        _leaf(found, f"{at}/elements/{i}", one)


def _leaf(found: Problems, at: str, leaf: Json) -> None:
    kind = str(leaf.get("type"))
    if kind not in _LEAVES:
        found.add(at, f"{kind} may not be in rich text of ours")
        return
    needed, allowed = _LEAVES[kind]
    found.keys(at, leaf, frozenset({"type", *allowed.split()}))
    found.length(f"{at}/{needed}", leaf.get(needed), 1, 3000)
    if kind == "date" and not isinstance(leaf.get("timestamp"), int):
        found.add(f"{at}/timestamp", "must be a whole number")


def _plan(found: Problems, at: str, block: Json) -> None:
    found.length(f"{at}/title", block.get("title"), 1, 3000)
    for i, one in enumerate(found.count(f"{at}/tasks", block.get("tasks"), 1, 50)):
        found.keys(f"{at}/tasks/{i}", one, frozenset({"type", "task_id", "title", "status"}))
        found.length(f"{at}/tasks/{i}/title", one.get("title"), 1, 3000)


_BLOCKS: Mapping[str, tuple[str, Check]] = {
    "plan": ("title tasks", _plan),
    "header": ("text", _header),
    "section": ("text fields accessory expand", _section),
    "context": ("elements", _context),
    "actions": ("elements", _actions),
    "divider": ("", _divider),
    "image": ("image_url slack_file alt_text title", _image),
    "input": ("label element hint optional dispatch_action", _input),
    "rich_text": ("elements", _rich_text),
}


def _element(found: Problems, at: str, element: Any) -> None:
    kind = str(element.get("type")) if isinstance(element, Mapping) else ""
    if kind not in _ELEMENTS:
        found.add(at, f"{kind or element!r} is no element that we send")
        return
    keys, check = _ELEMENTS[kind]
    found.keys(at, element, frozenset({"type", "action_id", "confirm", *keys.split()}))
    found.length(f"{at}/action_id", element.get("action_id"), 1, 255)
    if "placeholder" in element:
        found.plain(f"{at}/placeholder", element["placeholder"], 150)
    if "confirm" in element:
        _confirm(found, f"{at}/confirm", element["confirm"])
    check(found, at, element)


def _confirm(found: Problems, at: str, confirm: Json) -> None:
    found.keys(at, confirm, frozenset({"title", "text", "confirm", "deny", "style"}))
    for name, most in (("title", 100), ("text", 300), ("confirm", 30), ("deny", 30)):
        found.plain(f"{at}/{name}", confirm.get(name), most)


def _button(found: Problems, at: str, button: Json) -> None:
    found.plain(f"{at}/text", button.get("text"), 75)
    found.length(f"{at}/value", button.get("value", ""), 0, 2000)
    found.length(f"{at}/url", button.get("url", ""), 0, 3000)
    found.length(f"{at}/accessibility_label", button.get("accessibility_label", ""), 0, 75)
    if button.get("style", "primary") not in ("primary", "danger"):
        found.add(f"{at}/style", "must be primary or danger")


def _options(most: int) -> Check:
    def check(found: Problems, at: str, element: Json) -> None:
        options = found.count(f"{at}/options", element.get("options"), 1, most)
        for i, one in enumerate(options):
            found.text(f"{at}/options/{i}/text", one.get("text"), 75)
            found.length(f"{at}/options/{i}/value", one.get("value"), 1, 150)
            if "description" in one:
                found.text(f"{at}/options/{i}/description", one["description"], 75)
        if "initial_option" in element and element["initial_option"] not in options:
            found.add(f"{at}/initial_option", "is none of the options")

    return check


def _text_input(found: Problems, at: str, element: Json) -> None:
    most = element.get("max_length", 3000)
    if not 1 <= most <= 3000:
        found.add(f"{at}/max_length", "must be 1 to 3000")
    found.length(f"{at}/initial_value", element.get("initial_value", ""), 0, most)


_ELEMENTS: Mapping[str, tuple[str, Check]] = {
    "button": ("text value url style accessibility_label", _button),
    "overflow": ("options", _options(5)),
    "static_select": ("placeholder options initial_option focus_on_load", _options(100)),
    "checkboxes": ("options initial_options focus_on_load", _options(10)),
    "radio_buttons": ("options initial_option focus_on_load", _options(10)),
    "plain_text_input": (
        "placeholder initial_value multiline min_length max_length focus_on_load",
        _text_input,
    ),
}


def texts(blocks: Sequence[Json]) -> Iterator[dict[str, Any]]:
    """Every text in the blocks, with its limit and a way to replace it."""
    for block in blocks:
        for holder, key, limit in _holders(block):
            thing = holder[key]
            yield {
                "text": str(thing),
                "limit": limit,
                "markup": holder.get("type") == "mrkdwn",
                "set": partial(setitem, holder, key),
            }


_LIMITS = {"header": 150, "button": 75, "option": 75}


def _holders(thing: Any, limit: int = 3000) -> Iterator[tuple[Any, str, int]]:
    if isinstance(thing, (list, tuple)):
        for one in thing:
            yield from _holders(one, limit)
    elif isinstance(thing, Mapping):
        if isinstance(thing.get("text"), str):
            yield thing, "text", limit
        own = _LIMITS.get(str(thing.get("type")), limit)
        for key, inner in thing.items():
            within = {"fields": 2000, "options": 75, "elements": 2000}.get(key, own)
            yield from _holders(inner, min(within, own) if own < 3000 else within)
