"""How one attempt to heal ended: the one record that every healer answers with."""

from __future__ import annotations

from dataclasses import dataclass

HEALED = "healed"
VANISHED = "vanished"
NEVER_LANDED = "never_landed"
NOT_YET = "not_yet"
UNKNOWN = "unknown"
FINAL = (HEALED, VANISHED, NEVER_LANDED)


@dataclass(frozen=True)
class Healed:
    """How one attempt ended.

    healed: seen in its state before, and there is proof (something was undone, or it is another
    process than before) that the harm had landed. never_landed: seen in its state before, and
    nothing was found to undo. vanished: the thing itself is gone for good, and the harm with it.
    not_yet: something is still different; try again. unknown: it could not be seen.
    `did` lists what was undone, for the record. `at` is when it was seen, where that was earlier (by
    the detached healer): seconds since the epoch.
    """

    ending: str
    why: str = ""
    did: tuple[str, ...] = ()
    at: float | None = None

    @property
    def final(self) -> bool:
        """Whether nothing is left to do."""
        return self.ending in FINAL
