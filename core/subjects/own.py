"""Tocsin watching itself: whether what it has to say arrives.

Tickets of this subject go to the fallback channel. `channel_parked` opens when a channel cannot be
written to (archived, gone, the bot is not in it); `delivery_backlog` when messages that are due
have been waiting; `slack_refused` when Slack does not accept the token; `socket_deaf` when Slack
cannot reach us, though we reach it; `fault_not_healed` when something that an experiment broke was
not seen healed in time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from core import channels
from core.channels import Backlog, Parked
from core.clock import Clock
from core.db import Database, Tx
from core.errors import TocsinError
from core.invariant import HOLDS, Broken, Invariant, Reading, Settings, Severity, Verdict
from core.runs.harm import Unhealed, overdue
from core.subject import OWN, Observation

INTERVAL_S = 5.0
BACKLOG_S = 60.0
"""Messages that are due and have waited for longer than this are worth a ticket."""
DEAF_S = 60.0
"""Connections renew themselves, and one that is deaf is built anew after so long."""
_SOURCE = "outbox"
NOTHING_WAITS = Backlog(0, 0.0, 0)


@dataclass(frozen=True, slots=True)
class OwnObservation(Observation):
    """What is known of delivery. `known` are channels parked now or lately; `connected` is how many
    connections Slack has to us (None: it needs none)."""

    parked: tuple[Parked, ...] = ()
    known: frozenset[str] = frozenset()
    backlog: Backlog = NOTHING_WAITS
    refused: str | None = None
    connected: int | None = None
    broken: tuple[Unhealed, ...] = ()
    harmed: frozenset[str] = frozenset()


def _channels(seen: OwnObservation) -> Iterable[tuple[str, Parked | None]]:
    now = {p.channel: p for p in seen.parked}
    return [(name, now.get(name)) for name in sorted(seen.known | now.keys())]


def channel_parked(parked: Parked | None, _seen: OwnObservation, _s: Settings) -> Verdict:
    """Each channel that tickets go to can be written to.

    Why it matters: what belongs there is not told there, and waits.

    What to do first: invite the bot, unarchive the channel, or change the route; what waited is
    delivered then.
    """
    if parked is None:
        return HOLDS
    return Broken(
        title=f"Channel {parked.channel} cannot be written to",
        summary=(
            f"Slack said {parked.reason}. Messages for it wait; invite the bot, unarchive the "
            "channel, or change the route."
        ),
        facts={"reason": parked.reason},
    )


def _delivery(seen: OwnObservation) -> Iterable[tuple[str, Backlog]]:
    return [("slack", seen.backlog)]


def delivery_backlog(backlog: Backlog, _seen: OwnObservation, settings: Settings) -> Verdict:
    """What is due to be sent to Slack is sent within a minute.

    Why it matters: people see an older state than the real one, and a page may come late.

    What to do first: see whether Slack is well, whether it limits the bot (`tocsin_slack_calls`
    by outcome), and whether the network or a proxy is in the way.
    """
    limit = float(settings["seconds"])
    if backlog.oldest_s <= limit:
        return HOLDS
    return Broken(
        title="Messages to Slack are waiting",
        summary=f"{backlog.rows} are due, the oldest for {backlog.oldest_s:.0f} s.",
        value=round(backlog.oldest_s),
        threshold=limit,
        unit="s",
    )


def _token(seen: OwnObservation) -> Iterable[tuple[str, str | None]]:
    return [("token", seen.refused)]


def slack_refused(refused: str | None, _seen: OwnObservation, _s: Settings) -> Verdict:
    """Slack accepts the bot's token.

    Why it matters: nothing can be posted at all; with a fallback pager criticals go there.

    What to do first: install the app again, set SLACK_BOT_TOKEN to the new token, restart the bot.
    """
    if refused is None:
        return HOLDS
    return Broken(
        title="Slack refuses the bot's token",
        summary=f"Slack said {refused}. Nothing can be posted until the token is replaced.",
    )


def _hearing(seen: OwnObservation) -> Iterable[tuple[str, int | None]]:
    return [("socket", seen.connected)]


def socket_deaf(connected: int | None, _seen: OwnObservation, _s: Settings) -> Verdict:
    """In Socket Mode at least one connection to Slack is up.

    Why it matters: commands and buttons do nothing, though tickets are still told. `tocsin tickets`
    and its like work beside the bot meanwhile.

    What to do first: see the log for `action=socket.*`, whether SLACK_APP_TOKEN still holds and
    Socket Mode is switched on (`tocsin check-config --live`), and whether a proxy cuts WebSockets;
    the bot goes on trying by itself.
    """
    if connected is None or connected > 0:
        return HOLDS
    return Broken(
        title="Slack cannot reach the bot",
        summary=(
            "No Socket Mode connection is up: commands and buttons do nothing, tickets are still "
            "told. In a terminal beside the bot `tocsin tickets` works."
        ),
    )


def _harm(seen: OwnObservation) -> Iterable[tuple[str, Unhealed | None]]:
    now = {one.entity: one for one in seen.broken}
    return [(name, now.get(name)) for name in sorted(seen.harmed | now.keys())]


def fault_not_healed(one: Unhealed | None, _seen: OwnObservation, _s: Settings) -> Verdict:
    """Whatever an experiment breaks is seen healed soon after its end.

    Why it matters: something that Tocsin broke is still broken. It goes on trying by itself, and so
    does the detached healer; usually the Docker engine or PD cannot be reached.

    What to do first: bring back what the last attempt could not reach, or undo it by hand as the
    ticket says; it is then seen and counted as healed.
    """
    if one is None:
        return HOLDS
    return Broken(
        title=f"{one.what} was broken on purpose and is not healed",
        summary=f"Run {one.run_id} on {one.subject}: {one.kind}; last attempt: {one.why}.",
        value=round(one.late_s),
        unit="s",
        facts={"run": str(one.run_id), "subject": one.subject, "undo": one.undo},
    )


INVARIANTS: tuple[Invariant[Any, Any], ...] = (
    Invariant("channel_parked", Severity.WARNING, _SOURCE, 0.0, _channels, channel_parked),
    Invariant(
        "delivery_backlog",
        Severity.WARNING,
        _SOURCE,
        0.0,
        _delivery,
        delivery_backlog,
        recover_s=10.0,
        settings={"seconds": BACKLOG_S},
        explained_by=("slack_refused",),
    ),
    Invariant("slack_refused", Severity.CRITICAL, _SOURCE, 0.0, _token, slack_refused),
    Invariant(
        "socket_deaf",
        Severity.WARNING,
        _SOURCE,
        DEAF_S,
        _hearing,
        socket_deaf,
        explained_by=("slack_refused",),
    ),
    Invariant("fault_not_healed", Severity.CRITICAL, _SOURCE, 0.0, _harm, fault_not_healed),
)


def _nothing() -> None:
    return None


class OwnSubject:
    """The built-in subject."""

    name = OWN
    kind = "own"
    interval_s = INTERVAL_S
    invariants = INVARIANTS

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._refused: Callable[[], str | None] = _nothing
        self._connected: Callable[[], int | None] = _nothing
        self._known: set[str] = set()
        self._harmed: set[str] = set()

    def listen(
        self, refused: Callable[[], str | None], connected: Callable[[], int | None] = _nothing
    ) -> None:
        """Learn what Slack said of the token (None when it takes it), and how many Socket Mode
        connections are up (None where there are to be none)."""
        self._refused = refused
        self._connected = connected

    def recall(self, carry: Mapping[str, Any]) -> None:
        """Channels that were parked before a restart: their tickets must be able to resolve."""
        self._known = {str(c) for c in carry.get("parked") or ()}
        self._harmed = {str(c) for c in carry.get("harmed") or ()}

    async def observe(self) -> OwnObservation:
        """Look into the outbox."""
        now = self._clock.now().timestamp()
        try:
            parked, backlog, broken = await self._db.read(_look)
        except TocsinError as error:
            return OwnObservation(OWN, now, {_SOURCE: Reading(None, INTERVAL_S, error.text)})
        self._known |= {p.channel for p in parked}
        self._harmed |= {one.entity for one in broken}
        return OwnObservation(
            OWN,
            now,
            {_SOURCE: Reading(now, INTERVAL_S)},
            carry=self._carry(),
            parked=tuple(parked),
            known=frozenset(self._known),
            backlog=backlog,
            refused=self._refused(),
            connected=self._connected(),
            broken=broken,
            harmed=frozenset(self._harmed),
        )

    def _carry(self) -> dict[str, Any]:
        carried = {"parked": self._known, "harmed": self._harmed}
        return {name: sorted(known)[-100:] for name, known in carried.items() if known}

    async def close(self) -> None:
        """Nothing to let go of."""


def _look(tx: Tx) -> tuple[list[Parked], Backlog, tuple[Unhealed, ...]]:
    return channels.parked_channels(tx), channels.backlog(tx), overdue(tx)
