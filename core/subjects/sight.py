"""What the probes of one address add up to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Look(StrEnum):
    """What one probe says of the process behind it.

    `OK` alive. `REFUSED` nobody listens. `HUNG` no answer in time, or an answer that is an outage.
    `BLIND` says nothing of the process: no such name, a failed handshake, another program's answer.
    """

    OK = "ok"
    REFUSED = "refused"
    HUNG = "hung"
    BLIND = "blind"


@dataclass(slots=True)
class Sight:
    """The last probes of one address; times are monotonic seconds.

    `fails` counts looks in a row that were refused or hung, `oks` those that were well.
    `last_ok` None: it never answered this process, so that its silence proves nothing. `ended`: the
    other side ended its kept connection, and has not answered since.
    """

    look: Look = Look.BLIND
    detail: str = "not probed yet"
    fails: int = 0
    oks: int = 0
    first_fail: float = 0.0
    last: float | None = None
    last_ok: float | None = None
    ended: bool = False

    def note(self, look: Look, detail: str, at: float, *, count: int = 1) -> None:
        """Take in one look that ended at `at`; `count` looks, where it was confirmed at once."""
        self.last = at
        self.look = look
        if look is Look.OK:
            self.detail, self.fails = "", 0
            self.oks += 1
            self.last_ok = at
            return
        self.detail, self.oks = detail, 0
        if look is Look.BLIND:
            self.fails = 0
            return
        if self.fails == 0:
            self.first_fail = at
        self.fails += count

    def fresh(self, mono: float, period_s: float) -> bool:
        """Whether the last probe still speaks for the present."""
        return self.last is not None and mono - self.last <= 2 * period_s

    @property
    def suspect(self) -> bool:
        """Two looks in a row found no living process."""
        return self.fails >= 2
