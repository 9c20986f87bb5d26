"""A diagnosis as it is kept: who made it when, of which evidence, and what became of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from core.diagnosis.encode import Answer
from core.diagnosis.model import Diagnosis, Reason


@dataclass(frozen=True, slots=True)
class Spent:
    """What asking a model for it cost: calls, tokens (cached ones among the input), and millionths
    of a dollar."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    micro_dollars: int = 0


@dataclass(frozen=True, slots=True)
class Made:
    """One diagnosis as stored.

    `told` is False for one that says the same as the one before it: it is kept, and not posted.
    With a `question`, `answer` is what was said to it. `seconds` is how long the making took,
    gathering included; `useful` and `useless` count people. `note` says what a reader must know who
    asked for another ticket than this one ("explained by ticket 7").
    """

    id: int
    ticket_id: int
    snapshot_id: int
    investigation_id: int | None
    made_at: float
    made_by: str
    reason: Reason
    diagnosis: Diagnosis
    seconds: float
    told: bool = True
    question: str = ""
    answer: Answer | None = None
    useful: int = 0
    useless: int = 0
    spent: Spent | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class New:
    """A diagnosis about to be stored. `tell`: also where it says the same as the one before."""

    ticket_id: int
    snapshot_id: int
    diagnosis: Diagnosis
    reason: Reason
    seconds: float
    investigation_id: int | None = None
    question: str = ""
    answer: Answer | None = None
    tell: bool = False
