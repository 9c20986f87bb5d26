"""A scenario may script a Claude: the real loop and its checks run, and nothing leaves the process."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.diagnosis.evaluate import answered, evaluate, totals
from core.diagnosis.scenario.file import read
from core.diagnosis.scenario.world import snapshot
from core.errors import Invalid

OURS = Path(__file__).parents[4] / "scenarios" / "ours"
SCRIPTED = sorted(one.name for one in OURS.glob("claude-*"))
HEAD = """
question = "Why?"
base = "tikv-3"
[ticket]
invariant = "store_down"
entity = "store:4"
[expect]
healthy = true
entity = "store:4"
"""


@pytest.fixture(scope="module")
def scores():
    found = [one for name in SCRIPTED for one in evaluate(OURS / name, lambda: 0.0)]
    return {one.name: replace(one, group="ours") for one in found}


def test_there_are_scripted_scenarios_and_each_ends_as_it_says(scores):
    assert sorted(scores) == SCRIPTED
    assert len(SCRIPTED) >= 4
    assert [one.name for one in scores.values() if not one.ending_right] == []
    assert [one.name for one in scores.values() if not one.grounded] == []


def test_one_that_lies_is_struck_and_one_that_overclaims_raises_no_alarm(scores):
    lies, over = (
        scores["claude-lies-and-is-struck"],
        scores["claude-overclaims-on-a-healthy-control"],
    )
    for one in (lies, over):
        assert (one.ending, one.made_by, one.turns) == ("rules stand", "rules", 2)
    assert over.healthy
    assert not over.false_alarm
    assert not lies.forbidden


def test_what_claude_would_have_cost_is_in_the_scores(scores):
    total = totals(list(scores.values()))[0]

    assert all(one.micro_dollars > 0 and one.tokens > 0 for one in scores.values())
    assert total.asked == len(SCRIPTED)
    assert total.tokens == sum(one.tokens for one in scores.values())
    assert total.micro_dollars == sum(one.micro_dollars for one in scores.values())


def test_claude_s_answer_is_the_answer_where_it_stands():
    file = read(OURS / "claude-sees-what-no-rule-knows")
    got = answered(file, snapshot(file))

    assert got.diagnosis.cause == "slow_disk"
    assert got.diagnosis.certainty == "likely"
    assert got.diagnosis.made_by == "claude-sonnet-5-5"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("[claude]\nturn = []", "at least one turn"),
        ("[[claude.turn]]\nfails = 'boredom'", "boredom"),
        ("[[claude.turn]]", "tools, an answer, says or fails"),
        ("[claude]\nends = 'well'\n[[claude.turn]]\nsays = 'x'", "ends is one of"),
        ("[[claude.turn]]\nsays = 'x'\nvolume = 11", "volume"),
    ],
)
def test_what_is_wrong_with_a_script_is_said(tmp_path, script, said):
    (tmp_path / "scenario.toml").write_text(HEAD + script)
    with pytest.raises(Invalid, match=said):
        read(tmp_path)


@pytest.mark.parametrize(
    ("turn", "ending"),
    [
        ("says = 'Hm.'", "unreadable"),
        ("fails = 'refusal'", "refused"),
        ("fails = 'max_tokens'", "cut short"),
        ("fails = 'empty'", "unreadable"),
        ("fails = 'overloaded'", "busy"),
        ("fails = 'unauthorized'", "denied"),
        ("fails = 'dropped'", "unreachable"),
        ("tools = [{ name = 'no_such_tool' }]", "out of turns"),
    ],
)
def test_every_scripted_failure_keeps_the_rules_answer(tmp_path, turn, ending):
    (tmp_path / "scenario.toml").write_text(
        f"{HEAD}[claude]\nends = '{ending}'\n[[claude.turn]]\n{turn}\n"
    )
    [score] = evaluate(tmp_path, lambda: 0.0)

    assert (score.error, score.ending, score.ending_right) == ("", ending, True)
    assert (score.made_by, score.grounded) == ("rules", True)


def test_another_end_than_the_one_expected_is_not_grounded(tmp_path):
    (tmp_path / "scenario.toml").write_text(f"{HEAD}[claude]\n[[claude.turn]]\nsays = 'Hm.'\n")
    [score] = evaluate(tmp_path, lambda: 0.0)

    assert (score.cause_right, score.ending_right, score.grounded) == (True, False, False)
