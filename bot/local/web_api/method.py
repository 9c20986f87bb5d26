"""What a Web API method is: its arguments, its errors, its tier and scopes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.local.workspace import Workspace

Json = dict[str, Any]
# Arguments that form bodies and query strings carry as JSON in a string (slack.md 3.4).
JSON_ARGUMENTS = frozenset(
    {"blocks", "attachments", "view", "metadata", "files", "message", "prompts", "chunks"}
    | {"loading_messages", "unfurls", "user_auth_blocks"}
)


class ApiError(Exception):
    """Slack's `ok: false`: the error's name and what else the answer carries."""

    def __init__(self, error: str, **extra: Any) -> None:
        super().__init__(error)
        self.error = error
        self.extra = extra


def invalid_arguments(*words: str) -> ApiError:
    """Slack's answer to a missing or malformed argument."""
    messages = [f"[ERROR] {word}" for word in words]
    return ApiError("invalid_arguments", response_metadata={"messages": messages})


def loads(raw: str | bytes) -> Any:
    """Strict JSON: no NaN, and half a surrogate pair becomes a question mark. Raises ValueError."""
    found = json.loads(raw, parse_constant=_no_constant)
    lone = b"\\ud" if isinstance(raw, bytes) else "\\ud"
    if lone in raw.lower():  # type: ignore[operator]  # both are of the same kind
        whole = json.dumps(found, ensure_ascii=False).encode("utf-8", "replace")
        return json.loads(whole)
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


class Args:
    """The merged arguments of one call, read with Slack's leniency about types."""

    def __init__(self, values: Json) -> None:
        self.values = values

    def has(self, name: str) -> bool:
        return self.values.get(name) not in (None, "")

    def text(self, name: str, default: str = "") -> str:
        value = self.values.get(name)
        if value is None:
            return default
        return value if isinstance(value, str) else str(value)

    def need(self, name: str) -> str:
        """A required argument. Raises invalid_arguments."""
        value = self.text(name)
        if not value:
            raise invalid_arguments(f"missing required field: {name}")
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.values.get(name)
        if value is None or value == "":
            return default
        return value in (True, 1, "1", "true", "True", "TRUE")

    def number(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number clamped to [low, high]. Raises invalid_arguments for words."""
        value = self.values.get(name)
        if value is None or value == "":
            return default
        try:
            return max(low, min(high, int(value)))
        except (TypeError, ValueError, OverflowError):
            raise invalid_arguments(f"must be an integer [json-pointer:/{name}]") from None

    def json(self, name: str, error: str = "invalid_json") -> Any:
        """An argument that is JSON, given as such or inside a string; None when absent."""
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        if not value.strip():
            return None
        try:
            return loads(value)
        except (ValueError, RecursionError):
            raise ApiError(error) from None

    def ids(self, name: str) -> list[str]:
        """A list given as JSON or separated by commas."""
        value = self.values.get(name)
        if isinstance(value, list):
            return [str(one) for one in value]
        text = self.text(name)
        if text.startswith("["):
            found = self.json(name)
            return [str(one) for one in found] if isinstance(found, list) else []
        return [one.strip() for one in text.split(",") if one.strip()]


Run = Callable[["Workspace", Args], Json]


@dataclass(frozen=True, slots=True)
class Method:
    """One method. `scopes`: any one of them is enough. `token`: bot, app or none."""

    run: Run
    tier: str
    scopes: tuple[str, ...] = ()
    token: str = "bot"
