"""What the picture of an experiment shows, and that it shows only what happened."""

from __future__ import annotations

from core.chaos.picture import timeline
from core.runs import chart
from tests.bot.chaos.made import OVER, run, story
from tests.bot.samples import NOW

AT = NOW - 60


def test_everything_that_happened_has_a_bar_from_the_fault_on() -> None:
    made = timeline(run(finished_at=NOW - 20), story(**OVER))

    assert made is not None
    assert [bar.row for bar in made.bars] == ["fault", "ticket", "diagnosis", "heal", "recovery"]
    assert [bar.words for bar in made.bars] == [
        "kill the container tikv-2 (SIGKILL)",
        "store_down, after 0.6 s",
        "process killed (right)",
        "start it again",
        "well after 36 s",
    ]
    assert made.zero == AT
    assert "ticket store_down, after 0.6 s from +0.6 s to +36.0 s" in chart.alt(made)


def test_what_was_never_broken_has_no_picture() -> None:
    assert timeline(run(), story()) is None


def test_what_did_not_happen_has_no_bar() -> None:
    made = timeline(run(), story(injected_at=AT))

    assert made is not None
    assert [(bar.row, bar.until) for bar in made.bars] == [("fault", None)]
