"""`/monitor` and the button that ends a pause."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot import ids
from bot.monitor.commands import Watching
from core import channels, maintenance
from core.invariant import Reading
from core.monitor import TickReport
from tests.flows.stage import Stage, seen, stage


def reports() -> tuple[TickReport, ...]:
    readings = {"probe": Reading(None, 0.5, "no answer in 1 s")}
    return (TickReport("prod", 1.0, 0.004, 2, 1, 30, 0, 0, readings, ("probe",)),)


@pytest.fixture
async def s(tmp_path: Path) -> AsyncIterator[Stage]:
    watching = Watching(
        reports=reports, interval_s=lambda _: 0.5, connected=lambda: 2, trouble=lambda: "token?"
    )
    async with stage(tmp_path, watching=watching) as one:
        yield one


async def test_status_says_what_is_watched_and_what_cannot_be_seen(s: Stage) -> None:
    await s.breaks("tikv-1")
    said = await s.monitor("status")
    for part in ("prod", "2 broken", "1 unknown", "probe", "no answer in 1 s", "2 connections"):
        assert part in said
    assert "token?" in said


async def test_status_names_a_parked_channel(s: Stage) -> None:
    await s.db.write(channels.park_channel, "C0GONE", "is_archived")
    said = await s.monitor("status")
    assert "C0GONE" in said
    assert "is_archived" in said


async def test_a_pause_is_told_in_the_channel_and_its_button_ends_it(s: Stage) -> None:
    await s.monitor("pause prod 30m replacing disks <!here>")
    await s.ws.until(lambda: any("replacing disks" in seen(m) for m in s.rig.posts()))
    told = next(m for m in s.rig.posts() if "replacing disks" in seen(m))
    assert "<!here>" not in told.text
    [pause] = await s.db.read(maintenance.active)
    assert (pause.subject, pause.by) == ("prod", s.actor())
    assert pause.until - pause.started_at == pytest.approx(1800)
    await s.click(told.ts, ids.MONITOR_RESUME)
    assert await s.db.read(maintenance.active) == []
    await s.ws.until(lambda: any("Nothing is broken" in seen(m) for m in s.rig.posts()))


async def test_a_second_click_on_resume_is_told_that_it_is_over(s: Stage) -> None:
    await s.monitor("pause 30m upgrade")
    await s.ws.until(lambda: s.rig.posts())
    told = s.rig.posts()[-1]
    kept = told.blocks
    await s.monitor("resume")
    told.blocks = kept
    await s.click(told.ts, ids.MONITOR_RESUME)
    # After the answers to the two commands comes the answer to the click.
    assert "over already" in await s.whispered(n=3)


async def test_pausing_again_moves_the_end(s: Stage) -> None:
    await s.monitor("pause 30m upgrade")
    await s.monitor("pause 2h takes longer")
    [pause] = await s.db.read(maintenance.active)
    assert pause.reason == "takes longer"
    assert pause.until - pause.started_at > 7000


TYPED = (
    ("", "/monitor pause 30m"),
    ("help", "/monitor status"),
    ("stauts", "Did you mean status?"),
    ("pause", "For how long, and why?"),
    ("pause prod", "For how long, and why?"),
    ("pause prod because", "needs a duration and a reason"),
    ("pause 30m", "needs a reason"),
    ("pause 9h upgrade", "8 hours at most"),
    ("pause 2x upgrade", "is not a duration"),
    ("pause nosuch 30m upgrade", "no subject called nosuch. Watched now: prod"),
    ("resume", "Nothing is paused"),
    ("resume a b", "takes one subject"),
    ("interval", "as configured"),
    ("interval 10s", "every 10 s"),
    ("interval 30", "every 30 s"),
    ("interval 0.1s", "between 1s and 5m"),
    ("interval soon", "is not a duration"),
    ("interval 1h", "between 1s and 5m"),
)


async def test_what_is_typed_after_monitor(s: Stage) -> None:
    for text, answer in TYPED:
        assert answer in await s.monitor(text), text


async def test_an_interval_is_kept_for_the_watch(s: Stage) -> None:
    await s.monitor("interval 10s")
    assert await s.db.read(maintenance.interval_s) == 10.0
    assert "10 s" in await s.monitor("interval")


async def test_resume_names_what_is_paused_when_it_is_something_else(s: Stage) -> None:
    await s.monitor("pause 30m upgrade")
    assert "Paused now: everything" in await s.monitor("resume prod")
    assert "Notification is on again" in await s.monitor("resume")


async def test_a_guest_may_not_even_look(s: Stage) -> None:
    assert "Guests cannot" in await s.monitor("status", "gus")
