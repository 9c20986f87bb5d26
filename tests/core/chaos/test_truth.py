"""Scoring a diagnosis against what was really done."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.chaos import truth
from core.chaos.model import Fault
from core.diagnosis.causes import CAUSES
from core.diagnosis.model import Certainty, Diagnosis
from core.invariant import Severity

MADE = Diagnosis(
    cause="process_killed",
    entity="store:4",
    primary="",
    certainty=Certainty.LIKELY,
    claims=(),
    alternatives=(),
    action="",
    commands=(),
    severity=Severity.CRITICAL,
    risks=(),
    unseen=(),
    timeline=(),
    affected=(),
    readings={},
    made_by="rules",
    taken_at=0.0,
)


@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize("entity", ["store:4", "pd:pd-0"])
def test_what_counts_as_right_is_a_cause_that_a_diagnosis_can_name(
    fault: Fault, entity: str
) -> None:
    assert set(truth.causes(fault, entity)) <= set(CAUSES)


def test_the_cause_and_whom_it_names_must_both_be_right() -> None:
    assert truth.score(Fault.KILL, "store:4", MADE) is True
    assert truth.score(Fault.KILL, "store:5", MADE) is False
    assert truth.score(Fault.PAUSE, "store:4", MADE) is False


def test_not_being_sure_is_not_right() -> None:
    unsure = replace(MADE, certainty=Certainty.INCONCLUSIVE)

    assert truth.score(Fault.KILL, "store:4", unsure) is False


def test_a_leaders_loss_may_be_told_of_the_whole() -> None:
    made = replace(MADE, cause="pd_leader_loss", entity="pd")

    assert truth.score(Fault.KILL, "pd:pd-0", made) is True


def test_what_no_cause_fits_is_not_scored() -> None:
    assert truth.score(Fault.DELAY, "store:4", MADE) is None
