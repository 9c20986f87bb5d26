"""Doing things again: `every` on the monotonic clock, and when a cron expression is due next.

A tick does one thing under a time limit; its failure is told, counted by the caller, and never
kills the loop. Cron arithmetic is APScheduler's; its scheduler is not used, since it ticks on wall
time (a clock set back one hour gave 0 of 30 ticks).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from core.clock import Clock, within
from core.errors import Invalid

Tick = Callable[[], Awaitable[None]]
Failed = Callable[[BaseException], None]
Early = Callable[[], Awaitable[None]]


async def every(
    clock: Clock,
    interval_s: Callable[[], float],
    tick: Tick,
    failed: Failed,
    *,
    limit_s: float | None = None,
    early: Early | None = None,
) -> None:
    """Run `tick` each interval, from now on, until cancelled.

    The next tick starts one interval after the last one *started*; ticks that could not run
    meanwhile (a slow tick, a suspended machine) are not made up for. `limit_s` cancels a tick that
    takes longer, as a TimeoutError to `failed`. `early` returns when a tick should come sooner.
    """
    while True:
        started = clock.monotonic()
        try:
            await (tick() if limit_s is None else within(clock, limit_s, tick()))
        except Exception as error:  # noqa: BLE001 - the loop outlives whatever its tick does
            failed(error)
        rest = interval_s() - (clock.monotonic() - started)
        await _rest(clock, rest, early)


async def _rest(clock: Clock, seconds: float, early: Early | None) -> None:
    if early is None or seconds <= 0:
        await clock.sleep(seconds)
        return
    try:
        await within(clock, seconds, early())
    except TimeoutError:
        return


def zone(name: str) -> ZoneInfo:
    """The named time zone; Invalid if there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise Invalid(
            f"There is no time zone called {name!r}. Use a name such as Europe/Berlin or UTC."
        ) from None


def next_due(cron: str, zone_name: str, after: float) -> float:
    """When the five-field `cron` is due next after `after` (seconds since the epoch).

    Weekdays by name (mon-fri): numbers would count from Monday = 0, unlike cron's own.
    Invalid for an expression that cannot be read or never comes.
    """
    from apscheduler.triggers.cron import CronTrigger

    fields = cron.split()
    if len(fields) != 5:
        raise Invalid(
            f"{cron!r} is not a cron expression: five fields are needed, as in '0 9 * * mon-fri'."
        )
    if any(c.isdigit() for c in fields[4]):
        raise Invalid(
            "Give weekdays by name (mon, tue, ...): numbers are read differently by different tools."
        )
    where = zone(zone_name)
    try:
        trigger = CronTrigger.from_crontab(cron, timezone=where)
    except ValueError as error:
        raise Invalid(f"{cron!r} is not a cron expression: {error}.") from None
    moment = datetime.fromtimestamp(after, UTC).astimezone(where)
    due = trigger.get_next_fire_time(moment, moment)
    if due is not None and due.timestamp() <= after:
        due = trigger.get_next_fire_time(
            due, datetime.fromtimestamp(after + 1, UTC).astimezone(where)
        )
    if due is None:
        raise Invalid(f"{cron!r} never comes.")
    return float(due.timestamp())
