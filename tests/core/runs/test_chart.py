"""The timeline as a picture: what it shows in words, what it survives, and that it ends in time."""

from __future__ import annotations

import struct

import pytest

from core.clock import SystemClock
from core.errors import Unavailable
from core.runs import chart
from core.runs.chart import Bar, Ink, Series, Timeline

ZERO = 1_700_000_000.0


def a_timeline(**changed: object) -> Timeline:
    made = {
        "title": "kill-store on tikv-twin: store-2",
        "zero": ZERO,
        "began": ZERO - 5,
        "ended": ZERO + 40,
        "bars": (
            Bar("Fault", ZERO, ZERO + 30, "kill store-2", Ink.FAULT),
            Bar("Tickets", ZERO + 0.6, ZERO + 33, "store_down 4", Ink.TICKET),
            Bar("Diagnosed", ZERO + 1.4, ZERO + 1.4, "the process died (right)", Ink.DIAGNOSIS),
            Bar("Healed", ZERO + 30, None, "not seen yet", Ink.HEAL),
        ),
    }
    return Timeline(**{**made, **changed})  # type: ignore[arg-type]  # a few fields of one class


def size(png: bytes) -> tuple[int, int]:
    width, height = struct.unpack(">II", png[16:24])
    return width, height


async def test_a_timeline_becomes_a_picture_that_fits_a_thread() -> None:
    made = await chart.draw(a_timeline(), SystemClock())

    width, height = size(made)
    assert made.startswith(b"\x89PNG")
    assert width == 1280
    assert 300 < height < 1000
    assert len(made) < 300_000


async def test_a_figure_over_time_stands_below_the_bars() -> None:
    points = tuple((ZERO + n, None if n == 5 else 1000.0 - n) for n in range(40))
    bare, more = [
        await chart.draw(a_timeline(series=s), SystemClock())
        for s in ((), (Series("QPS", "req/s", points),))
    ]

    assert size(more)[1] > size(bare)[1] + 100


HOSTILE = "\x00\u202e$\\frac{1}{0}$ <!channel> & *bold* " + "x" * 5000 + "$"


@pytest.mark.parametrize(
    "timeline",
    [
        a_timeline(bars=()),
        a_timeline(title=HOSTILE, bars=(Bar(HOSTILE, ZERO, None, HOSTILE, Ink.HEAL),)),
        a_timeline(
            bars=tuple(Bar("Tickets", ZERO + n, None, "t", Ink.TICKET) for n in range(5000))
        ),
        a_timeline(began=ZERO, ended=ZERO),
        a_timeline(began=ZERO + 50, ended=ZERO),
        a_timeline(bars=(Bar("Fault", ZERO + 30, ZERO, "ends before it begins", Ink.FAULT),)),
        a_timeline(bars=(Bar("Fault", float("nan"), ZERO, "no time", Ink.FAULT),)),
        a_timeline(series=(Series("QPS", "", tuple((ZERO + n, float("inf")) for n in range(9))),)),
        a_timeline(
            series=(Series("QPS", "", tuple((ZERO + n / 900, 1.0) for n in range(90_000))),)
        ),
    ],
    ids=["empty", "hostile", "many", "instant", "backwards", "turned", "nan", "infinite", "long"],
)
async def test_whatever_was_recorded_can_be_drawn(timeline: Timeline) -> None:
    made = await chart.draw(timeline, SystemClock())

    assert size(made)[1] < 2000


async def test_times_that_are_not_known_are_refused_in_words() -> None:
    with pytest.raises(Unavailable, match="times are not known"):
        await chart.draw(a_timeline(zero=float("nan")), SystemClock())


async def test_a_drawing_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(Unavailable, match=r"not drawn within 0\.001 s"):
        await chart.draw(a_timeline(), SystemClock(), limit_s=0.001)


@pytest.mark.parametrize(
    "program", ["raise SystemExit('no font')", "print('not a picture')", "import os; os.abort()"]
)
async def test_a_side_process_that_fails_is_told_in_words(
    program: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("chart") / "draw.py"
    file.write_text(program)

    with pytest.raises(Unavailable, match="could not be drawn"):
        await chart.draw(a_timeline(), SystemClock(), program=file)


async def test_a_picture_says_in_words_what_it_shows() -> None:
    told = chart.alt(a_timeline())

    assert told.startswith("Timeline of kill-store on tikv-twin: store-2: fault kill store-2 from")
    assert "diagnosed the process died (right) at +1.4 s" in told
    assert "healed not seen yet from +30.0 s, its end is not known" in told


async def test_a_long_story_is_cut_to_what_slack_takes_as_alternative_text() -> None:
    bars = tuple(Bar("Tickets", ZERO, None, "y" * 500, Ink.TICKET) for _ in range(50))

    told = chart.alt(a_timeline(bars=bars))

    assert len(told) <= chart.ALT_AT_MOST
    assert told.endswith("…")
