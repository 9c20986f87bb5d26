"""Whether something may be broken just now: what must hold before, and what a loss would leave.

The same simulation answers people who want to stop something by hand (`may`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core import maintenance
from core.chaos.driver import Breakable
from core.chaos.model import HARMLESS_TO_QUORUM, Experiment, Fault, Margin
from core.chaos.settings import OFF, SubjectChaos
from core.db import Tx
from core.errors import Invalid, Refused, Unavailable
from core.invariant import Severity
from core.runs import harm
from core.tickets import store as tickets
from core.tickets.model import Ticket
from core.tickets.store import Filter

FRESH_S = 15.0
"""The last look at a subject may be this old, or three of its intervals if that is longer."""
VERBS = ("kill", "stop", "restart", "pause")
"""What `may` is asked about."""


@dataclass(frozen=True, slots=True)
class Sight:
    """When a subject was last looked at, how often it is, and which sources were not seen then."""

    at: float
    interval_s: float
    blind: tuple[str, ...] = ()


Look = Callable[[str], Sight | None]
"""The monitor's last look at a subject; None before the first."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How far experiments may go. Durations in seconds.

    `grace_s`: so long after the end of a fault its detached healer steps in (the bot heals within a
    second). `arm_s`: between record and injection lies at most this; later it is all too old.
    """

    max_duration_s: float = 600.0
    max_targets: int = 9
    grace_s: float = 15.0
    arm_s: float = 15.0


@dataclass(frozen=True, slots=True)
class May:
    """The answer to a person who wants to do something by hand: whether, and why.

    `entity` is whom the selector meant ("store:4"); "" where that could not be told.
    """

    ok: bool
    words: str
    margin: Margin
    entity: str = ""


def duration(
    experiment: Experiment, asked_s: float | None, limits: Limits, own: SubjectChaos
) -> float:
    """How long the fault stays; Invalid or Refused if that is more than is allowed."""
    wanted = experiment.duration_s if asked_s is None else asked_s
    most = min(limits.max_duration_s, own.max_duration_s or limits.max_duration_s)
    if not wanted > 0:
        raise Invalid("An experiment must last longer than nothing.")
    if wanted > most:
        raise Refused(f"At most {most:g} s are allowed here; {wanted:g} s were asked for.")
    return wanted


def opted_in(own: SubjectChaos, subject: str, experiment: Experiment) -> None:
    """Refused unless the subject's configuration allows this."""
    if not own.enabled:
        raise Refused(
            f"{subject} may not be broken: its configuration does not opt in ([subjects.chaos] "
            "enabled = true)."
        )
    if own.faults and str(experiment.fault) not in own.faults:
        allowed = ", ".join(own.faults)
        raise Refused(f"{experiment.fault} is not allowed on {subject}; allowed are {allowed}.")


def target_allowed(own: SubjectChaos, entity: str, name: str) -> None:
    """Refused unless the target is among those that the configuration names, if it names any."""
    if own.targets and entity not in own.targets and name not in own.targets:
        allowed = ", ".join(own.targets)
        raise Refused(f"{name} ({entity}) is not among the targets allowed: {allowed}.")


def sick(
    tx: Tx,
    subject: str,
    sight: Sight | None,
    steady_for_s: float,
    apart: int | None = None,
    steady: Sequence[str] = (),
) -> str:
    """Why the subject must be left in peace just now, "" if nothing speaks against it.

    It must have been well for `steady_for_s` seconds; tickets of the invariants in `steady` count
    however harmless.
    `apart` is the run that asks: its own fault does not count (tickets do, whatever opened them).
    """
    pause = next((one for one in maintenance.active(tx) if one.covers(subject)), None)
    if pause is not None:
        return f"maintenance is announced: {pause.reason}"
    other = [one for one in harm.unhealed(tx, subject) if one.run_id != apart]
    if other:
        return f"{other[0].entity} is still being healed of run {other[0].run_id}"
    if sight is None or tx.now - sight.at > max(FRESH_S, 3 * sight.interval_s):
        return "it cannot be seen just now, so nothing says that it is well"
    if sight.blind:
        return f"not all of it can be seen just now: {', '.join(sight.blind)}"
    return _tickets(tx, subject, steady_for_s, steady)


def _tickets(tx: Tx, subject: str, steady_for_s: float, steady: Sequence[str]) -> str:
    found = tickets.listing(tx, Filter(subject=subject), limit=200)
    bad = [one for one in found if _counts(one) or one.invariant in steady]
    if bad:
        worst = bad[0]
        urgent = worst.severity is Severity.CRITICAL
        more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
        return (
            f"{'a critical ticket is open' if urgent else 'already sick'}: "
            f"#{worst.id} {worst.title}{more}"
        )
    if steady_for_s > 0:
        ended = tickets.listing(tx, Filter("resolved", subject), limit=1)
        if ended and (since := tx.now - (ended[0].resolved_at or 0.0)) < steady_for_s:
            return f"it has been well for {since:.0f} s only; {steady_for_s:.0f} s are asked for"
    return ""


def _counts(one: Ticket) -> bool:
    return one.severity.rank >= Severity.WARNING.rank


async def margin(subject: Breakable, fault: Fault, entity: str) -> Margin:
    """What the fault would leave; a Margin that is not ok forbids it."""
    if fault in HARMLESS_TO_QUORUM:
        return Margin(None, True, "nobody is taken away")
    return await subject.margin(frozenset((entity,)))


async def may(subject: Breakable | None, name: str, verb: str, selector: str, seed: int = 0) -> May:
    """Whether a person may do `verb` to something of a subject now; does no harm.

    Invalid for an unknown verb; Refused where the subject cannot be simulated at all.
    """
    if verb not in VERBS:
        raise Invalid(f"There is no verb {verb!r}; there are {', '.join(VERBS)}.")
    if subject is None:
        raise Refused(f"Nothing can be simulated on {name}: its kind does not offer it.")
    try:
        entity = (await subject.resolve(selector, seed, frozenset()))[0]
    except Unavailable as error:
        words = f"what would be left cannot be told: {error.text}"
        return May(
            False, f"No: {verb} {selector} now: {words.rstrip('.')}.", Margin(None, False, words)
        )
    found = await subject.margin(frozenset((entity,)))
    answer = "Yes" if found.ok else "No"
    return May(found.ok, f"{answer}: {verb} {entity} now: {found.words}.", found, entity)


def own_settings(subject: object) -> SubjectChaos:
    """The `[subjects.chaos]` of a subject; off for one that has none."""
    found = getattr(subject, "chaos", OFF)
    return found if isinstance(found, SubjectChaos) else OFF
