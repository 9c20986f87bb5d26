"""What breaking things takes: a driver that can do harm, and a subject that lets itself be broken."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, runtime_checkable

from core.chaos.model import Fault, Margin, Plan, Sample, Target

Entities = Callable[[], Awaitable[Mapping[str, tuple[str, ...]]]]
"""What a subject tells a driver: its entities ("store:4") as they are just now, each with the names
under which a container or process may go (host of its address, address, configured container).
Unavailable if it cannot be told."""


class Driver(Protocol):
    """One way of breaking things (containers, processes of a twin, PD itself)."""

    @property
    def name(self) -> str:
        """The word by which `undo` finds its healer ("docker", "twin", "pd")."""
        ...

    async def faults(self) -> Mapping[Fault, str]:
        """Every fault that there is: "" if it can be done here, else the reason why not."""
        ...

    async def targets(self) -> tuple[Target, ...]:
        """Everything that may be broken: only what opted in. Unavailable if it cannot be seen."""
        ...

    async def find(self, entity: str) -> Target:
        """The one target that is this entity; Refused, with the reason, for none, several, or one
        that did not opt in."""
        ...

    async def plan(
        self, fault: Fault, target: Target, params: Mapping[str, Any], duration_s: float
    ) -> Plan:
        """Read the state before and say how it will be undone. Does no harm.

        Refused if it cannot be done or undone; Invalid for a parameter that nothing reads.
        """
        ...

    async def inject(self, plan: Plan) -> None:
        """Do the harm. Refused: definitely nothing happened. Any other end but a return, also a
        cancellation: it may have happened, until `plan.lands_within_s` have passed."""
        ...

    async def close(self) -> None:
        """Let go of what it holds open."""
        ...


@runtime_checkable
class Breakable(Protocol):
    """A subject that offers faults (optional, found by asking)."""

    def drivers(self) -> tuple[Driver, ...]:
        """How it may be broken, by preference; none if its configuration does not opt in."""
        ...

    async def resolve(self, selector: str, seed: int, among: frozenset[str]) -> tuple[str, ...]:
        """The entities that a selector means, one but for "each:..."; where the choice is free,
        `seed` decides between those in `among` (what the chosen driver may break) that are well.

        Refused, with the reason, if it means nothing or several; Unavailable if it cannot be told.
        """
        ...

    async def margin(self, without: frozenset[str]) -> Margin:
        """What the loss of these entities would leave, on what is really placed where just now and
        what is already gone. Never raises: what cannot be told is a Margin that is not ok."""
        ...


@runtime_checkable
class Measured(Protocol):
    """A subject that can say how it fared (optional). It reads nothing anew: what its invariants
    were judged by is kept for a while."""

    def course(self, since: float, until: float) -> tuple[Sample, ...]:
        """What was measured in that stretch of time, oldest first."""
        ...


@runtime_checkable
class Weighs(Protocol):
    """A breakable subject that can say how much an entity carries (optional)."""

    async def weight(self, entity: str) -> str:
        """What hangs on it just now, for the blast radius ("it holds 60 regions and leads 20"); ""
        if it cannot be told."""
        ...
