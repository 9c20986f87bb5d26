"""A run: durable work that ends. Its states, what may follow what, and how it may end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from core.errors import Conflict


class State(StrEnum):
    """Where a run is."""

    CREATED = "created"
    CLAIMED = "claimed"
    ACTIVE = "active"
    FINISHED = "finished"
    ARCHIVED = "archived"
    REPORTED = "reported"


class Outcome(StrEnum):
    """How a run ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABORTED = "aborted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Verb(StrEnum):
    """What moves a run on."""

    CLAIM = "claim"
    BEGIN = "begin"
    FINISH = "finish"
    ARCHIVE = "archive"
    REPORT = "report"


LIVE = (State.CREATED, State.CLAIMED, State.ACTIVE)

TRANSITIONS: Mapping[tuple[State, Verb], State] = {
    (State.CREATED, Verb.CLAIM): State.CLAIMED,
    (State.CREATED, Verb.FINISH): State.FINISHED,
    (State.CLAIMED, Verb.BEGIN): State.ACTIVE,
    (State.CLAIMED, Verb.FINISH): State.FINISHED,
    (State.ACTIVE, Verb.FINISH): State.FINISHED,
    (State.FINISHED, Verb.ARCHIVE): State.ARCHIVED,
    (State.ARCHIVED, Verb.REPORT): State.REPORTED,
}


def after(state: State, verb: Verb) -> State:
    """The state that follows; Conflict where the verb does not fit."""
    following = TRANSITIONS.get((state, verb))
    if following is None:
        raise Conflict(f"A run that is {state} cannot {verb}.")
    return following


@dataclass(frozen=True, slots=True)
class Run:
    """One run as its row says. Times are seconds since the epoch; `data` is what its kind keeps,
    `trial` the key of the campaign's trial that it is ("" for any other)."""

    id: int
    kind: str
    subject: str
    name: str
    target: str
    requested_by: str
    trial: str
    state: State
    stage: str
    outcome: Outcome | None
    created_at: float
    claimed_at: float | None
    active_at: float | None
    finished_at: float | None
    archived_at: float | None
    reported_at: float | None
    due_at: float
    abort_at: float | None
    abort_by: str | None
    abort_reason: str | None
    data: Mapping[str, Any]
    version: int

    @property
    def live(self) -> bool:
        """Whether it has not ended yet."""
        return self.state in LIVE

    @property
    def aborting(self) -> bool:
        """Whether somebody asked it to end early."""
        return self.abort_at is not None


@dataclass(frozen=True, slots=True)
class FaultRecord:
    """Harm done on purpose, as recorded before it was done.

    `undo` is what the healer is handed. `error` says what is in the way of verifying.
    """

    id: int
    run_id: int
    subject: str
    kind: str
    driver: str
    entity: str
    target: Mapping[str, Any]
    before: Mapping[str, Any]
    undo: Mapping[str, Any]
    recorded_at: float
    armed_at: float | None
    inject_started_at: float | None
    inject_returned_at: float | None
    lands_until: float
    heal_by: float
    heal_started_at: float | None
    verified_at: float | None
    ending: str | None
    error: str | None

    @property
    def open(self) -> bool:
        """Whether it was not yet seen healed."""
        return self.verified_at is None


@dataclass(frozen=True, slots=True)
class Artefact:
    """Something that an ended run left to read; `digest` is the SHA-256 of `body`, in hex."""

    run_id: int
    name: str
    mime: str
    alt: str
    digest: str
    body: bytes
