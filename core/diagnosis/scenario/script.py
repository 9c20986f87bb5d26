"""A Claude that follows the script of a scenario: the whole loop runs, and nothing leaves the process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

from core.clock import SystemClock
from core.diagnosis.claude.loop import diagnose
from core.diagnosis.claude.prices import Usage
from core.diagnosis.claude.reply import Assembly, Reply, ToolUse
from core.diagnosis.claude.settings import ClaudeSettings
from core.diagnosis.claude.task import Ending, Means, Result, Spent, Task
from core.diagnosis.claude.wire import Failed
from core.diagnosis.model import Diagnosis, Snapshot
from core.diagnosis.scenario.file import File
from core.diagnosis.scenario.script_tables import (
    AnswerTable,
    ClaimTable,
    ClaudeTable,
    RivalTable,
    ToolTable,
    TurnTable,
)
from core.errors import Refused

_CHARACTERS_A_TOKEN = 4
_STOPS = {"refusal": "refusal", "max_tokens": "max_tokens", "empty": "end_turn"}
_FAILS = {
    "overloaded": (Ending.BUSY, "Claude's service is overloaded."),
    "unauthorized": (Ending.DENIED, "Claude's service does not accept the API key."),
    "dropped": (Ending.UNREACHABLE, "The connection to Claude was lost in the middle of its answer."),
}  # fmt: skip


class Free:
    """A ledger for calls that cost nothing."""

    async def reserve(self, model: str, micro_dollars: int) -> int:
        """See `Ledger`."""
        return 0

    async def settle(self, reservation: int, spent: Spent) -> None:
        """See `Ledger`."""


class Scripted:
    """A wire that answers from the script, turn by turn."""

    def __init__(self, script: ClaudeTable, snapshot: Snapshot) -> None:
        self._script, self._snapshot = script, snapshot
        self._turn = 0

    async def send(self, body: Mapping[str, Any], heard: Assembly) -> Reply:
        """See `Wire`."""
        turn = self._script.turn[min(self._turn, len(self._script.turn) - 1)]
        self._turn += 1
        if turn.fails in _FAILS:
            raise Failed(*_FAILS[turn.fails], usage=Usage())
        heard.begun = True
        return self._reply(turn, body)

    async def close(self) -> None:
        """See `Wire`."""

    def _reply(self, turn: TurnTable, body: Mapping[str, Any]) -> Reply:
        tools = tuple(
            ToolUse(f"{self._turn}.{n}", one.name, self._input(one))
            for n, one in enumerate(turn.tools)
        )
        text = turn.says
        if turn.answer is not None:
            text = json.dumps(self._answer(turn.answer))
        content: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
        content += [
            {"type": "tool_use", "id": one.id, "name": one.name, "input": one.given or {}}
            for one in tools
        ]
        stop = _STOPS.get(turn.fails, "tool_use" if tools else "end_turn")
        said = (len(json.dumps(body)), len(json.dumps(content)))
        prompt, reply = turn.tokens or tuple(max(n // _CHARACTERS_A_TOKEN, 1) for n in said)
        return Reply(tuple(content), stop, Usage(input=prompt, output=reply), tools, text)

    def _input(self, tool: ToolTable) -> dict[str, Any]:
        given = dict(tool.input)
        if isinstance(given.get("evidence"), str):
            given["evidence"] = self._id(given["evidence"])
        return given

    def _id(self, said: str) -> str:
        """The id of the piece that is written kind:entity[:source]; what fits none stays as it is."""
        for one in self._snapshot.pieces:
            name = f"{one.kind}:{one.entity}"
            if said in (name, f"{name}:{one.source}"):
                return one.id
        return said

    def _answer(self, told: AnswerTable) -> dict[str, Any]:
        return {
            "cause": told.cause,
            "entity": told.entity,
            "certainty": told.certainty,
            "primary": told.primary,
            "claims": [self._claim(one, told.entity) for one in told.claims],
            "alternatives": [self._rival(one) for one in told.alternatives],
            "next": told.next,
            "commands": told.commands,
            "risks": told.risks,
            "unseen": told.unseen,
            "answer": told.answer,
        }

    def _rival(self, told: RivalTable) -> dict[str, Any]:
        return {
            "cause": told.cause,
            "entity": told.entity,
            "supporting": [self._claim(one, told.entity) for one in told.supporting],
            "contradicting": [self._claim(one, told.entity) for one in told.contradicting],
            "conclusion": told.conclusion,
        }

    def _claim(self, told: ClaimTable, entity: str) -> dict[str, Any]:
        zero = self._snapshot.opened_at
        return {
            "words": told.words,
            "evidence": self._id(told.evidence),
            "entity": told.entity or entity,
            "path": told.path,
            "op": told.op,
            "value": told.value,
            "where": told.where,
            "since": 0.0 if told.since is None else zero + told.since,
            "until": 0.0 if told.until is None else zero + told.until,
            "weight": told.weight,
        }


def scripted(file: File, snapshot: Snapshot, rules: Diagnosis) -> Result | None:
    """What comes of asking a scenario's Claude, with the real loop and its checks; None if it has none."""
    if file.claude is None:
        return None
    means = Means(ClaudeSettings(retries=0), Free(), SystemClock())
    wire = Scripted(file.claude, snapshot)
    return asyncio.run(diagnose(Task(snapshot, rules), means, wire))


class Purse:
    """A ledger of its own for one run of scenarios: the real Claude, up to so many micro-dollars."""

    def __init__(self, micro_dollars: int) -> None:
        self._left = micro_dollars
        self._aside: dict[int, int] = {}
        self._made = 0

    async def reserve(self, model: str, micro_dollars: int) -> int:
        """See `Ledger`."""
        if micro_dollars > self._left:
            raise Refused(f"${self._left / 1e6:.2f} are left, and a call may cost more.")
        self._made += 1
        self._left -= micro_dollars
        self._aside[self._made] = micro_dollars
        return self._made

    async def settle(self, reservation: int, spent: Spent) -> None:
        """See `Ledger`."""
        self._left += self._aside.pop(reservation) - spent.micro_dollars


def real(settings: ClaudeSettings, micro_dollars: int) -> Callable[..., Result | None]:
    """Asks the real Claude about every scenario that has no script, within so much money for all."""
    purse = Purse(micro_dollars)

    def ask(file: File, snapshot: Snapshot, rules: Diagnosis) -> Result | None:
        if file.claude is not None:
            return scripted(file, snapshot, rules)
        means = Means(settings, purse, SystemClock())
        return asyncio.run(diagnose(Task(snapshot, rules), means))

    return ask
