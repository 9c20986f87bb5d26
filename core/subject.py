"""What a subject must offer to be watched, and what it may offer beside that.

`Subject` is required and small. The others are separate protocols, found by asking for them, so
that a subject without faults or actions says so by not having them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

from core.findings import Finding
from core.invariant import Invariant, Reading

OWN = "tocsin"
"""The name of the subject under which the program watches itself."""


@dataclass(frozen=True, slots=True)
class Observation:
    """Frozen facts about a subject at one instant, with what could not be seen.

    A subject's own observation adds its fields to these by composition or by subclassing this
    record. `removed` names entities that the source itself reports as gone for good (a tombstone,
    a member taken out): evidence that closes their tickets. `carry` is what the subject wants to
    be told again after a restart (small, JSON); the monitor stores it when it changes.
    """

    subject: str
    at: float
    readings: Mapping[str, Reading]
    removed: frozenset[str] = frozenset()
    carry: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@runtime_checkable
class Subject(Protocol):
    """Something that can be watched."""

    @property
    def name(self) -> str:
        """The name from the configuration; part of every fingerprint."""
        ...

    @property
    def kind(self) -> str:
        """Which sort of subject ("tikv")."""
        ...

    @property
    def interval_s(self) -> float:
        """How often to tick: the period of its fastest source, in seconds."""
        ...

    @property
    def invariants(self) -> tuple[Invariant[Any, Any], ...]:
        """What must be true, with the user's thresholds already applied."""
        ...

    def recall(self, carry: Mapping[str, Any]) -> None:
        """Take back what an earlier process carried; called once, before the first observe."""
        ...

    async def observe(self) -> Observation:
        """Read whichever sources are due and say what is seen now.

        Never raises for a source that fails: that is a Reading with an error. A source that hangs
        must not hold up the others: its read goes on in the background and counts when it ends.
        """
        ...

    async def close(self) -> None:
        """Let go of connections and background reads."""
        ...


@runtime_checkable
class Nudges(Protocol):
    """A subject that can tell at once that something happened (a container died)."""

    async def nudged(self) -> None:
        """Returns when an early observation is worthwhile."""
        ...


@runtime_checkable
class Paced(Protocol):
    """A subject whose slower sources can be asked more or less often while it runs."""

    def pace(self, seconds: float) -> None:
        """Ask the sources that the configuration paces by the interval every `seconds` from now on.

        Probes of liveness keep their own pace.
        """
        ...


@runtime_checkable
class Checkable(Protocol):
    """A subject that can say, part by part, whether what it reads from answers."""

    async def check(self) -> list[Finding]:
        """Ask every source once. Never raises for one that fails: that is a finding."""
        ...
