"""Who explains whom: the end of a chain of causes, and which open ticket is a new one's cause. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

from core.invariant import Severity, Violation
from core.tickets.model import Ticket


@dataclass(frozen=True, slots=True)
class Rejoining:
    """An open symptom whose cause is over and which another one, by id or fingerprint, explains now."""

    ticket: Ticket
    explained_by: int | str


def root_of(key: str, direct: Mapping[str, int | str | None]) -> int | str | None:
    """The end of the chain of causes that starts at `key`; None if it is its own end."""
    passed = {key}
    at = direct.get(key)
    while isinstance(at, str) and direct.get(at) is not None and at not in passed:
        passed.add(at)
        at = direct[at]
    return None if at == key else at


class Causes:
    """Open tickets by invariant, to find which of them explains a new violation."""

    def __init__(self) -> None:
        self._by_invariant: dict[str, dict[Severity, int | str]] = {}
        self._exact: dict[tuple[str, str], tuple[Severity, int | str]] = {}

    def add(self, invariant: str, entity: str, severity: Severity, root: int | str) -> None:
        # One of each severity is enough to choose from, even in a storm: the first seen.
        self._by_invariant.setdefault(invariant, {}).setdefault(severity, root)
        self._exact[invariant, entity] = (severity, root)

    def of(
        self, violation: Violation | Ticket, causes: Mapping[str, tuple[str, ...]]
    ) -> int | str | None:
        """The root that explains this, never one less severe (a page must not hide in it)."""
        for cause in causes.get(violation.invariant, ()):
            exact = self._exact.get((cause, violation.entity))
            if exact is not None and exact[0].rank >= violation.severity.rank:
                return exact[1]
        for cause in causes.get(violation.invariant, ()):
            for severity, root in self._by_invariant.get(cause, {}).items():
                if severity.rank >= violation.severity.rank:
                    return root
        return None


def causes_among(
    tickets: Iterable[Ticket],
    ended: Mapping[int, float],
    new: Iterable[Violation],
    sought: Set[str],
) -> Causes:
    """Those open or opening that may explain something, of the invariants sought.

    A cause that has ended explains nothing new, nor does what still hangs on it.
    """
    roots = Causes()
    for one in tickets:
        if one.invariant in sought and one.broken and one.explained_by not in ended:
            roots.add(one.invariant, one.entity, one.severity, one.explained_by or one.id)
    for v in new:
        if v.invariant in sought:
            roots.add(v.invariant, v.entity, v.severity, v.fingerprint)
    return roots


def rejoining(
    outliving: Sequence[Ticket], roots: Causes, causes: Mapping[str, tuple[str, ...]]
) -> tuple[list[Ticket], list[Rejoining]]:
    """Symptoms that outlived their cause: those that stand alone now, and those of another cause."""
    alone, joined = [], []
    for ticket in outliving:
        cause = roots.of(ticket, causes)
        if cause is None or cause == ticket.id:
            alone.append(ticket)
        else:
            joined.append(Rejoining(ticket, cause))
    return alone, joined
