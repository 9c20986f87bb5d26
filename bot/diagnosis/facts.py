"""What the views of diagnoses are given beside the diagnosis itself: plain facts, nothing decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from bot import words
from bot.certainty import key_of
from core.diagnosis.encode import Answer
from core.diagnosis.made import Spent
from core.diagnosis.model import Claim, Diagnosis, Reason

NO_VALUES: Mapping[str, str] = MappingProxyType({})


def diagnosis_ref(diagnosis_id: int) -> str:
    """What the message of a diagnosis is about, in the outbox."""
    return f"diagnosis:{diagnosis_id}"


def investigation_ref(investigation_id: int) -> str:
    """What the message that shows an investigation's progress is about."""
    return f"investigation:{investigation_id}"


def number_of(ref: str) -> int:
    """The reverse, for both; 0 for anything else."""
    kind, _, number = ref.partition(":")
    known = kind in ("diagnosis", "investigation") and number.isdecimal()
    return int(number) if known else 0


@dataclass(frozen=True, slots=True)
class Shown:
    """One diagnosis of a ticket and what surrounds it when it is shown.

    `previous` is what the thread said before (None for the first), `superseded` that a later one
    stands below, `same_at` when a later look said the same, `final` that its ticket has ended. `asked_by` is the actor who asked for it and
    `question` in which words, `answer` what was said to it. `values` are what its checks saw, by `key_of`; `sources` whom each cited piece was asked of, by its id. `useful` and `useless`
    count what people thought of it. `name_of` as in tickets' Look.
    """

    id: int
    ticket_id: int
    made_at: float
    reason: Reason
    diagnosis: Diagnosis
    seconds: float = 0.0
    subject: str = ""
    previous: Diagnosis | None = None
    superseded: bool = False
    same_at: float | None = None
    final: bool = False
    asked_by: str = ""
    question: str = ""
    values: Mapping[str, str] = field(default_factory=lambda: NO_VALUES)
    sources: Mapping[str, str] = field(default_factory=lambda: NO_VALUES)
    answer: Answer | None = None
    spent: Spent | None = None
    note: str = ""
    useful: int = 0
    useless: int = 0
    name_of: Callable[[str], str] = words.mention_of

    def value(self, claim: Claim) -> str:
        """What the claim's check saw; "" if that is not known."""
        return self.values.get(key_of(claim), "")


@dataclass(frozen=True, slots=True)
class Progress:
    """An investigation by a model, under way or ended.

    `text` says what is done right now. Money in millionths of a dollar; a limit of 0 is not shown.
    `steps` were done before; `cards`: show them as task cards, which not every workspace takes.
    `ended`: "" while it works, else done, stopped or failed; `why` says why it failed.
    """

    id: int
    ticket_id: int
    text: str = ""
    asked_by: str = ""
    turn: int = 0
    max_turns: int = 0
    tokens: int = 0
    micro_dollars: int = 0
    limit_micro_dollars: int = 0
    seconds: float = 0.0
    ended: str = ""
    stopped_by: str = ""
    why: str = ""
    steps: tuple[str, ...] = ()
    cards: bool = False
    name_of: Callable[[str], str] = words.mention_of
