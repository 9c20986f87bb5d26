"""Who explains whom: the end of a chain of causes, and which open ticket is a new one's cause. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from core.invariant import Severity, Violation


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

    def of(self, violation: Violation, causes: Mapping[str, tuple[str, ...]]) -> int | str | None:
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
