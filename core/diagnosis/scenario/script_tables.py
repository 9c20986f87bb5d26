"""The tables of a scripted Claude in a scenario (docs/scenarios.md), read strictly."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Fails = Literal["", "refusal", "max_tokens", "empty", "overloaded", "unauthorized", "dropped"]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Refuses keys that it does not know."""


class ClaimTable(_Strict, frozen=True, kw_only=True):
    """A claim. `evidence` is written kind:entity or kind:entity:source; times are relative."""

    evidence: str
    path: str
    op: str
    words: str = "So it is."
    entity: str = ""
    value: Any = None
    where: str = ""
    since: float | None = None
    until: float | None = None
    weight: str = "supporting"


class RivalTable(_Strict, frozen=True, kw_only=True):
    """An alternative."""

    cause: str
    entity: str
    supporting: list[ClaimTable] = []
    contradicting: list[ClaimTable] = []
    conclusion: str = "Not it."


class AnswerTable(_Strict, frozen=True, kw_only=True):
    """A final answer."""

    cause: str
    entity: str
    certainty: str = "likely"
    primary: str = "Something is up."
    claims: list[ClaimTable] = []
    alternatives: list[RivalTable] = []
    next: str = "advised"
    commands: list[dict[str, str]] = []
    risks: list[str] = []
    unseen: list[str] = []
    answer: str = ""


class ToolTable(_Strict, frozen=True, kw_only=True):
    """A tool that it asks for; `evidence` in its input may be written as in a claim."""

    name: str
    input: dict[str, Any] = {}


class TurnTable(_Strict, frozen=True, kw_only=True):
    """One reply: tools, an answer, plain text, or a failure. `tokens`: of the prompt, of the reply."""

    tools: list[ToolTable] = []
    answer: AnswerTable | None = None
    says: str = ""
    fails: Fails = ""
    tokens: tuple[int, int] | None = None


class ClaudeTable(_Strict, frozen=True, kw_only=True):
    """The whole script; its last turn is repeated. `ends` is how it should end."""

    turn: list[TurnTable]
    ends: str = "answered"
