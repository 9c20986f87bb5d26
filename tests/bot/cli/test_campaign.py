"""A campaign's file, its trials, and what it has shown."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot.cli import campaign, campaign_file, campaign_score
from bot.cli.campaign_file import Campaign
from core.chaos.catalog.read import Catalog
from core.chaos.desk import Preview
from core.chaos.order import Known, Rules
from core.chaos.story import plain
from core.clock import ManualClock
from core.errors import Invalid, NotFound, Refused, Unavailable
from core.runs.model import Outcome, Run, State
from tests.bot.chaos.made import OVER, run, story
from tests.core.chaos.rig import KILL, OPEN, like

RULES = Rules(
    Catalog({"kill-store": KILL, "pause-store": like(KILL, name="pause-store")}),
    subjects={"prod": Known("scripted", OPEN), "etcd": Known("other", OPEN)},
)
GOOD = """
subjects = ["prod"]
experiments = ["kill-store", "pause-store"]
trials = 2
duration = "20s"
cooldown = 0
"""


def read(tmp_path: Path, text: str) -> Campaign:
    file = tmp_path / "nightly.toml"
    file.write_text(text)
    return campaign_file.read(file)


def test_a_campaign_goes_over_everything_once_a_round(tmp_path: Path) -> None:
    trials = campaign_file.trials(read(tmp_path, GOOD), RULES)

    assert [(t.experiment, t.number) for t in trials] == [
        ("kill-store", 1),
        ("pause-store", 1),
        ("kill-store", 2),
        ("pause-store", 2),
    ]
    assert {t.duration_s for t in trials} == {20.0}
    assert len({t.key for t in trials}) == 4


def test_a_trial_is_the_same_when_the_campaign_is_run_again(tmp_path: Path) -> None:
    first = campaign_file.trials(read(tmp_path, GOOD), RULES)
    again = campaign_file.trials(read(tmp_path, GOOD.replace("trials = 2", "trials = 5")), RULES)

    assert {t.key for t in first} < {t.key for t in again}
    assert all(len(t.key) < 255 for t in first)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("trials = 1", "subjects must list names"),
        (GOOD + "colour = 1", "unknown key 'colour'"),
        (GOOD.replace("trials = 2", "trials = 0"), "trials must be a whole number"),
        (GOOD.replace("trials = 2", "trials = true"), "trials must be a whole number"),
        (GOOD.replace("trials = 2", "trials = 2.5"), "trials must be a whole number"),
        (GOOD.replace('"20s"', '"soon"'), "is not a duration"),
        (GOOD.replace('"20s"', "-1"), "duration must be a duration"),
        (GOOD.replace('["prod"]', "[7]"), "subjects must be a text"),
        ("not toml", "is not valid TOML"),
    ],
)
def test_a_file_that_is_wrong_names_the_key(tmp_path: Path, text: str, answer: str) -> None:
    with pytest.raises(Invalid, match=answer):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("old", "new", "answer"),
    [
        ('"kill-store"', '"kil-store"', "Did you mean kill-store"),
        ('["prod"]', '["nowhere"]', "no subject called 'nowhere'"),
        ('["prod"]', '["etcd"]', "etcd is of kind other"),
        ('"20s"', '"5h"', "At most 600 s"),
        ("trials = 2", "trials = 1000", "2000 trials; 1000 at most"),
    ],
)
def test_what_could_never_be_run_is_refused_before_anything_is(
    tmp_path: Path, old: str, new: str, answer: str
) -> None:
    with pytest.raises((Invalid, NotFound, Refused), match=answer):
        campaign_file.trials(read(tmp_path, GOOD.replace(old, new)), RULES)


def finished(after_s: float, right: bool | None, outcome: Outcome = Outcome.SUCCEEDED) -> Run:
    began = OVER["injected_at"]
    told = {**OVER, "detected_at": began + after_s, "right": right}
    return run(state=State.REPORTED, outcome=outcome, data=plain(story(**told)))


def test_scores_are_medians_the_slowest_and_how_often_it_was_right(tmp_path: Path) -> None:
    trials = campaign_file.trials(read(tmp_path, GOOD), RULES)
    kill = [t.key for t in trials if t.experiment == "kill-store"]
    done = {
        kill[0]: finished(1.0, True),
        kill[1]: finished(3.0, False, Outcome.FAILED),
    }

    rows = campaign_score.scores(trials, done)

    first: dict[str, Any] = rows[0]
    assert (first["trials"], first["done"], first["passed"], first["detected"]) == (2, 2, 1, 2)
    assert first["detect_s"] == {"median": 2.0, "max": 3.0}
    assert (first["diagnoses"], first["diagnoses_right"]) == (2, 1)
    assert rows[1]["detect_s"] is None
    assert (rows[2]["experiment"], rows[2]["done"], rows[2]["trials"]) == ("all", 2, 4)


def test_a_trial_without_a_score_counts_for_neither_side(tmp_path: Path) -> None:
    trials = campaign_file.trials(read(tmp_path, GOOD), RULES)
    rows = campaign_score.scores(trials, {trials[0].key: finished(1.0, None)})

    assert rows[0]["diagnoses"] == 0


def test_the_table_stands_in_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trials = campaign_file.trials(read(tmp_path, GOOD), RULES)
    campaign_score.table(campaign_score.scores(trials, {trials[0].key: finished(0.6, True)}))

    head, first, *_ = capsys.readouterr().out.splitlines()
    assert "0.6 s, max 0.6 s" in first
    assert head.index("EXPERIMENT") == first.index("kill-store")


async def test_an_interrupted_campaign_begins_nothing_more() -> None:
    """Ctrl-C while it waits for a subject to be well: no fault is injected for it to be aborted."""
    stop, looked, clock = asyncio.Event(), [], ManualClock()

    class Sick:
        async def preview(self, *_: Any) -> Preview:
            looked.append(clock.monotonic())
            return Preview(KILL, "prod", 10.0, refused="already sick.")

    core: Any = SimpleNamespace(clock=clock, desk=Sick())
    wanted = Campaign("nightly", ("prod",), ("kill-store",))
    trial = campaign_file.trials(wanted, RULES)[0]
    waiting = asyncio.ensure_future(campaign._ready(core, wanted, trial, stop))
    await clock.advance(3.0)
    stop.set()

    assert await waiting is None
    assert len(looked) >= 3


class Shaky:
    """A database that is out of reach for some of the looks at a run."""

    def __init__(self, *looks: Run | Exception) -> None:
        self.looks = list(looks)

    async def read(self, *_: Any) -> Run:
        found = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(found, Exception):
            raise found
        return found


async def reported(clock: ManualClock, *looks: Run | Exception) -> Run:
    core: Any = SimpleNamespace(clock=clock, db=Shaky(*looks))
    active = run(state=State.ACTIVE)
    over = campaign._reported(core, 10.0, active, asyncio.Event(), lambda: None)
    waiting = asyncio.ensure_future(over)
    for _ in range(200):
        if not waiting.done():
            await clock.advance(campaign.LOOK_S)
    return await waiting


async def test_a_run_that_cannot_be_read_for_a_while_is_read_again() -> None:
    gone, going = Unavailable("The database has been busy."), run(state=State.ACTIVE)
    ended = finished(1.0, True)

    assert await reported(ManualClock(), gone, gone, going, gone, ended) is ended


async def test_a_run_that_cannot_be_read_any_more_is_given_up_after_the_patience() -> None:
    clock = ManualClock()
    began = clock.monotonic()

    with pytest.raises(Unavailable):
        await reported(clock, Unavailable("The database has been busy."))

    assert clock.monotonic() - began == pytest.approx(10.0, abs=0.5)
