"""What a diagnosis by Claude is given, what it may use, and what comes back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from core.clock import Clock
from core.diagnosis.claude.prices import Usage
from core.diagnosis.claude.settings import ClaudeSettings
from core.diagnosis.encode import Answer
from core.diagnosis.model import Diagnosis, Piece, Query, Snapshot

Ask = Callable[[Query, str, tuple[float, float]], Awaitable[Piece]]
"""Asks the live sources: a query, the entity it is about, the stretch of time. Read-only."""


class Ending(StrEnum):
    """How it ended. `why` of the result says the same in words for a person."""

    ANSWERED = "answered"
    LOWERED = "lowered"
    RULES_STAND = "rules stand"
    STOPPED = "stopped"
    OVER_BUDGET = "over budget"
    OUT_OF_TURNS = "out of turns"
    OUT_OF_TIME = "out of time"
    REFUSED = "refused"
    CUT_SHORT = "cut short"
    UNREADABLE = "unreadable"
    TOO_LONG = "too long"
    DENIED = "denied"
    BUSY = "busy"
    UNREACHABLE = "unreachable"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked: the frozen evidence, what the rules made of it, and a person's question ("": none)."""

    snapshot: Snapshot
    rules: Diagnosis
    question: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """What goes on right now: short plain words, the turn (from 1), money so far in micro-dollars."""

    text: str
    turn: int
    micro_dollars: int


@dataclass(frozen=True, slots=True)
class Spent:
    """What one call cost. `outcome` is a word: ok, or how it failed."""

    usage: Usage
    micro_dollars: int
    outcome: str


class Ledger(Protocol):
    """Where money is put aside before a call and accounted for after it."""

    async def reserve(self, model: str, micro_dollars: int) -> int:
        """Put this much aside and give its number; Refused, with a text for people, over the day's cap."""
        ...

    async def settle(self, reservation: int, spent: Spent) -> None:
        """What it was in the end; called once for each reservation, also when the call failed."""
        ...


@dataclass(frozen=True, slots=True)
class Live:
    """What may be asked of the live cluster: whom, which PD paths (regular expressions of whole
    paths), which readings (name and PromQL)."""

    ask: Ask
    entities: tuple[str, ...] = ()
    pd_paths: tuple[str, ...] = ()
    readings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Means:
    """What may be used. `live` None: only the frozen evidence. `stopped` is asked often: keep it cheap."""

    settings: ClaudeSettings
    ledger: Ledger
    clock: Clock
    live: Live | None = None
    progress: Callable[[Progress], Awaitable[None]] | None = None
    stopped: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it.

    `diagnosis` is None where the rules' answer stands; `why` then says so in words for a person (it is
    empty when all went well, also where a question was answered without a new diagnosis). Every claim of `diagnosis` holds against `snapshot`, which is the task's
    with `added` (live answers) at its end. `answer` is the reply to a question, in plain text, with the pieces that it rests on.
    `model` is the last one that was asked; `calls` counts requests, failed ones included.
    """

    ending: Ending
    diagnosis: Diagnosis | None
    why: str
    snapshot: Snapshot
    answer: Answer | None = None
    added: tuple[Piece, ...] = ()
    model: str = ""
    turns: int = 0
    calls: int = 0
    usage: Usage = field(default_factory=Usage)
    micro_dollars: int = 0
    seconds: float = 0.0
    looked_at: tuple[str, ...] = ()

    @property
    def tokens(self) -> int:
        """All tokens of all calls."""
        return self.usage.total
