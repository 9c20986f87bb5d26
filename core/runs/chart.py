"""The timeline of a run as a picture: PNG, drawn by a side process that cannot hold the program up.

Drawing takes a second of processor time and 80 MB of libraries, so it happens elsewhere, within a
limit. Whoever asks must be able to go on without a picture: it only shows what the report says.
"""

from __future__ import annotations

import asyncio
import math
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

from core.clock import Clock, within
from core.errors import Unavailable

LIMIT_S = 30.0
"""Drawing takes 1 to 2 s; the first time on a machine matplotlib also lists its fonts."""
BARS_AT_MOST = 10
SERIES_AT_MOST = 2
POINTS_AT_MOST = 600
WORD_AT_MOST = 60
BYTES_AT_MOST = 4_000_000
ALT_AT_MOST = 1000
_MAGIC = b"\x89PNG\r\n\x1a\n"
_PROGRAM = Path(__file__).with_name("chart_draw.py")


class Ink(StrEnum):
    """What a bar is about: its colour, never the only bearer of the meaning."""

    FAULT = "fault"
    TICKET = "ticket"
    DIAGNOSIS = "diagnosis"
    HEAL = "heal"
    RECOVERY = "recovery"


@dataclass(frozen=True, slots=True)
class Bar:
    """One thing that lasted, in a row of its own; a moment where `until` equals `since`.

    `until` None: it had not ended when the picture was drawn. `row` says what kind of thing it is,
    `words` what it was. Times in seconds since the epoch.
    """

    row: str
    since: float
    until: float | None
    words: str
    ink: Ink


@dataclass(frozen=True, slots=True)
class Series:
    """A figure over time below the bars; None where nothing was measured."""

    name: str
    unit: str
    points: tuple[tuple[float, float | None], ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """All that the picture shows. `zero` is the instant from which seconds are counted."""

    title: str
    zero: float
    began: float
    ended: float
    bars: tuple[Bar, ...]
    series: tuple[Series, ...] = ()


def alt(timeline: Timeline) -> str:
    """The picture in words, for whoever does not see it: at most ALT_AT_MOST characters."""
    told = "; ".join(_told(bar, timeline.zero) for bar in timeline.bars[:BARS_AT_MOST])
    figures = ", ".join(_short(one.name, 16) for one in timeline.series[:SERIES_AT_MOST])
    below = f" Below: {figures} over the same time." if figures else ""
    whole = f"Timeline of {_short(timeline.title)}: {told or 'nothing was recorded'}.{below}"
    return whole if len(whole) <= ALT_AT_MOST else whole[: ALT_AT_MOST - 1] + "…"


def _told(bar: Bar, zero: float) -> str:
    what = f"{_short(bar.row, 16).lower()} {_short(bar.words)}".strip()
    if bar.until == bar.since:
        return f"{what} at {_seconds(bar.since - zero)}"
    until = ", its end is not known" if bar.until is None else f" to {_seconds(bar.until - zero)}"
    return f"{what} from {_seconds(bar.since - zero)}{until}"


def _seconds(value: float) -> str:
    return f"{value:+.1f} s"


async def draw(
    timeline: Timeline, clock: Clock, limit_s: float = LIMIT_S, program: Path = _PROGRAM
) -> bytes:
    """The picture as PNG. Unavailable when it cannot be drawn within `limit_s` seconds."""
    asked = msgspec.json.encode(_bounded(timeline))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        str(program),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        made, said = await within(clock, limit_s, process.communicate(asked))
    except TimeoutError:
        raise Unavailable(f"The picture was not drawn within {limit_s:g} s.") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0 or not made.startswith(_MAGIC):
        last = said.decode(errors="replace").strip().splitlines()[-1:]
        raise Unavailable(f"The picture could not be drawn: {' '.join(last)[:200]}".rstrip(": "))
    if len(made) > BYTES_AT_MOST:
        raise Unavailable("The picture is too large.")
    return made


def _bounded(timeline: Timeline) -> Timeline:
    """What can be drawn: finite times in order, few rows, short words."""
    began = min(timeline.began, timeline.ended)
    ended = max(timeline.ended, began + 1.0)
    if not (math.isfinite(began) and math.isfinite(ended) and math.isfinite(timeline.zero)):
        raise Unavailable("The picture could not be drawn: its times are not known.")
    bars = [b for b in timeline.bars if math.isfinite(b.since)]
    return Timeline(
        _short(timeline.title),
        timeline.zero,
        began,
        ended,
        tuple(
            Bar(_short(b.row, 16).capitalize(), b.since, _until(b), _short(b.words), b.ink)
            for b in bars[:BARS_AT_MOST]
        ),
        tuple(
            Series(_short(s.name, 16), _short(s.unit, 12), _thinned(s.points))
            for s in timeline.series[:SERIES_AT_MOST]
            if s.points
        ),
    )


def _until(bar: Bar) -> float | None:
    return None if bar.until is None or not math.isfinite(bar.until) else bar.until


def _short(text: str, limit: int = WORD_AT_MOST) -> str:
    # One line of characters that a font can show; nothing that turns the writing round.
    line = " ".join("".join(c if c.isprintable() else " " for c in text[:1000]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _thinned(
    points: tuple[tuple[float, float | None], ...],
) -> tuple[tuple[float, float | None], ...]:
    good = [
        (at, None if value is None or not math.isfinite(value) else value)
        for at, value in points
        if math.isfinite(at)
    ]
    step = -(-len(good) // POINTS_AT_MOST) or 1
    return tuple(good[::step])
