"""Scoring: what counts as right, and what never does."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from core.diagnosis.claims import every, run
from core.diagnosis.evaluate import evaluate, folders, judge, totals
from core.diagnosis.model import Certainty
from core.diagnosis.rules.decide import diagnose
from core.diagnosis.scenario.file import Expect, read
from core.diagnosis.scenario.world import snapshot
from core.errors import Invalid

OURS = Path(__file__).parents[3] / "scenarios" / "ours"
KILLED = OURS / "killed-by-docker"


def clock():
    return 0.0


@pytest.fixture(scope="module")
def scores():
    return list(evaluate(OURS.parent, clock))


@pytest.fixture(scope="module")
def ours(scores):
    return next(one for one in totals(scores) if one.group == "ours")


def test_every_scenario_can_be_read(scores):
    assert [one.error for one in scores if one.error] == []


def test_our_own_half_is_right_in_cause_and_entity(ours):
    assert ours.scenarios >= 40
    assert ours.cause_right >= 0.95 * ours.scenarios
    assert ours.entity_right >= 0.95 * ours.scenarios


def test_what_others_reported_is_told_rightly_and_no_surer_than_it_may_be(scores):
    reports = [one for one in scores if one.group == "reports"]
    assert len(reports) >= 40
    assert [one.name for one in reports if not one.grounded] == []


def test_what_strangers_wrote_is_told_rightly_for_the_most_part(scores):
    """They are to be added to: the next ones were not seen when the rules were made."""
    some = {one.group: one for one in totals(scores)}
    for name, least in (("strangers", 30), ("strangers-2", 80)):
        strangers = some[name]
        assert strangers.scenarios >= least
        assert strangers.cause_right >= 0.8 * strangers.scenarios
        assert strangers.grounded >= 0.8 * strangers.scenarios
        assert strangers.abstained >= 0.8 * strangers.abstentions


def test_no_control_gets_a_confident_wrong_answer(scores):
    assert [one.name for one in scores if one.false_alarm] == []
    assert [one.name for one in scores if one.forbidden] == []


def test_a_quarter_of_our_scenarios_are_controls(ours):
    assert ours.healthy >= ours.scenarios / 4


def test_what_was_withheld_is_not_guessed(ours):
    assert ours.abstentions >= 3
    assert ours.abstained == ours.abstentions


def test_every_claim_that_would_be_posted_re_checks():
    for folder in folders(OURS)[::3]:
        evidence = snapshot(read(folder))
        made = diagnose(evidence)
        assert made.struck == ()
        for claim in every(made):
            found = run(claim, evidence)
            assert found.stands, (folder.name, claim.words)
            assert not found.altered


def judged(expect, **changes):
    evidence = snapshot(read(KILLED))
    made = replace(diagnose(evidence), **changes)
    return judge(expect, "", made, evidence, "x", "ours", 0.0)


def test_the_right_cause_of_the_wrong_store_is_not_grounded():
    score = judged(Expect(cause="process_killed", entity="store:5"))
    assert score.cause_right
    assert not score.entity_right
    assert not score.grounded


def test_a_right_guess_without_certainty_is_not_right():
    expect = Expect(cause="process_killed", entity="store:4")
    assert judged(expect).grounded
    assert not judged(expect, certainty=Certainty.INCONCLUSIVE).cause_right


def test_a_right_answer_without_a_claim_is_not_grounded():
    assert not judged(Expect(cause="process_killed", entity="store:4"), claims=()).grounded


def test_a_right_answer_that_does_not_cite_what_it_must_is_not_grounded():
    expect = Expect(cause="process_killed", entity="store:4", evidence=["reading:store:4:p99_s"])
    assert judged(expect).uncited == ("reading:store:4:p99_s",)
    assert not judged(expect).grounded


def test_more_certainty_than_is_honest_is_wrong():
    expect = Expect(cause="process_killed", entity="store:4", at_most="likely")
    assert not judged(expect, certainty=Certainty.CONFIRMED).cause_right


def test_a_fault_named_on_a_healthy_control_is_a_false_alarm():
    expect = Expect(healthy=True, entity="store:4")
    assert judged(expect).false_alarm
    assert not judged(expect, certainty=Certainty.INCONCLUSIVE).false_alarm
    assert not judged(expect, cause="nothing_wrong").false_alarm


def test_a_forbidden_cause_is_told():
    assert judged(Expect(cause="slow_disk", entity="store:4", forbid=["process_killed"])).forbidden


def test_a_broken_scenario_is_told_and_the_others_are_scored(tmp_path):
    (tmp_path / "set" / "bad").mkdir(parents=True)
    (tmp_path / "set" / "bad" / "scenario.toml").write_text("question = 1")
    good = tmp_path / "set" / "good"
    good.mkdir()
    (good / "scenario.toml").write_text((KILLED / "scenario.toml").read_text())
    bad, fine = evaluate(tmp_path, clock)
    assert "bad" in bad.error
    assert fine.grounded
    total = totals([bad, fine])[0]
    assert (total.group, total.scenarios, total.unreadable) == ("set", 2, 1)


def test_a_folder_without_scenarios_is_an_error(tmp_path):
    with pytest.raises(Invalid, match=r"no scenario\.toml"):
        folders(tmp_path)


def test_the_question_and_the_answer_are_not_in_the_evidence():
    """The diagnosis must not be able to read what is expected."""
    for folder in folders(OURS)[::4]:
        file = read(folder)
        said = json.dumps([one.content for one in snapshot(file).pieces])
        assert file.question not in said
        assert not file.notes or file.notes not in said
