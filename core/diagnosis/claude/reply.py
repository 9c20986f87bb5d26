"""Puts a streamed reply together from its events, whatever kinds of blocks may come. Pure.

Blocks are kept as they came, since they go back verbatim in the next turn. A block is told by its
`type` alone: kinds that are not known here are kept and not understood.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.diagnosis.claude.prices import Usage

MAX_REPLY = 400_000
"""Characters of one reply that are kept; a stream that goes on is broken off."""
MAX_GIVEN = 32_000
MAX_NESTED = 100
"""Characters and brackets of a tool's arguments: none of ours needs more than one."""
_JOINED = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "signature_delta": ("signature", "signature"),
}
_DOING = {"thinking": "is thinking", "tool_use": "asks for evidence", "text": "writes its answer"}
_COUNTS = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_read": "cache_read_input_tokens",
    "cache_write": "cache_creation_input_tokens",
}


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A tool that is asked for; `given` is None where its arguments are no JSON object."""

    id: str
    name: str
    given: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply. `stop` is the reason that it gives for ending, "" if it gave none."""

    content: tuple[dict[str, Any], ...]
    stop: str
    usage: Usage
    tools: tuple[ToolUse, ...] = ()
    text: str = ""
    refused: str = ""


@dataclass
class Assembly:
    """Takes the events of one stream in order."""

    usage: Usage = field(default_factory=Usage)
    begun: bool = False
    ended: bool = False
    size: int = 0
    _stop: str = ""
    _refused: str = ""
    _blocks: dict[int, dict[str, Any]] = field(default_factory=dict)
    _partial: dict[int, str] = field(default_factory=dict)

    def take(self, event: Mapping[str, Any]) -> None:
        """One event; those that are not known change nothing."""
        kind = event.get("type")
        if kind == "message_start":
            self.begun = True
            self._count(_mapping(event.get("message")).get("usage"))
        elif kind == "content_block_start":
            self._blocks[_whole(event.get("index"))] = dict(_mapping(event.get("content_block")))
        elif kind == "content_block_delta":
            self._add(_whole(event.get("index")), _mapping(event.get("delta")))
        elif kind == "message_delta":
            delta = _mapping(event.get("delta"))
            self._stop = str(delta.get("stop_reason") or self._stop)
            details = _mapping(delta.get("stop_details"))
            self._refused = str(details.get("category") or self._refused)
            self._count(event.get("usage"))
        elif kind == "message_stop":
            self.ended = True

    def _add(self, index: int, delta: Mapping[str, Any]) -> None:
        block = self._blocks.setdefault(index, {"type": "text", "text": ""})
        kind = str(delta.get("type"))
        if kind == "input_json_delta":
            said = str(delta.get("partial_json") or "")
            self._partial[index] = self._partial.get(index, "") + said
            self.size += len(said)
        elif kind in _JOINED:
            source, target = _JOINED[kind]
            said = str(delta.get(source) or "")
            block[target] = str(block.get(target) or "") + said
            self.size += len(said)

    def _count(self, usage: Any) -> None:
        """Counts only grow within a stream, and the last one told is the whole."""
        told = _mapping(usage)
        got = {name: _whole(told.get(key)) for name, key in _COUNTS.items()}
        self.usage = Usage(**{name: max(n, getattr(self.usage, name)) for name, n in got.items()})

    @property
    def doing(self) -> str:
        """What the model is at, in a few words; "" before it has begun."""
        last = self._blocks[max(self._blocks)] if self._blocks else {}
        return _DOING.get(str(last.get("type")), "is at work") if self.begun else ""

    @property
    def guessed(self) -> Usage:
        """What a stream that broke off will have cost at most: what it said counts, a token for two characters."""
        out = max(self.usage.output, self.size // 2)
        return Usage(self.usage.input, out, self.usage.cache_read, self.usage.cache_write)

    def reply(self) -> Reply:
        """What has come so far, as a reply."""
        content, tools, text = [], [], ""
        for index in sorted(self._blocks):
            block = self._blocks[index]
            if block.get("type") == "tool_use":
                given = _object(self._partial.get(index, ""), block.get("input"))
                block = {**block, "input": given or {}}
                tools.append(ToolUse(str(block.get("id")), str(block.get("name")), given))
            elif block.get("type") == "text":
                text += str(block.get("text") or "")
                if not block.get("text"):
                    continue  # an empty text may not be sent back
            content.append(block)
        return Reply(tuple(content), self._stop, self.usage, tuple(tools), text, self._refused)


def _object(partial: str, given: Any) -> dict[str, Any] | None:
    if not partial:
        return dict(given) if isinstance(given, Mapping) else {}
    if len(partial) > MAX_GIVEN or partial.count("[") + partial.count("{") > MAX_NESTED:
        return None
    try:
        made = json.loads(partial)
    except (ValueError, RecursionError):
        return None
    return made if isinstance(made, dict) else None


def _mapping(thing: Any) -> Mapping[str, Any]:
    return thing if isinstance(thing, Mapping) else {}


def _whole(thing: Any) -> int:
    return max(thing, 0) if isinstance(thing, int) and not isinstance(thing, bool) else 0
