"""A fixed set of questions is answered from the evidence alone, and every answer can be looked up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.diagnosis.model import Certainty
from core.diagnosis.questions import MAX_WORDS, QUESTIONS, answer
from core.diagnosis.rules.decide import diagnose
from core.diagnosis.scenario.file import read
from core.diagnosis.scenario.world import snapshot

SCENARIO = Path(__file__).parents[3] / "scenarios" / "ours" / "killed-by-docker"
FROZEN = snapshot(read(SCENARIO))
MADE = diagnose(FROZEN)


@pytest.mark.parametrize(
    ("question", "said", "kinds"),
    [
        ("Why?", "ended from outside", {"event", "container"}),
        ("what happened to it", "ended from outside", {"event"}),
        ("since when is that so?", "Docker: die (exit code 137)", {"event"}),
        ("what should we do next?", "Start it again", set()),
        ("how sure are you?", "confirmed", {"event"}),
        ("what else could it be?", "out of memory (store 4): Ruled out", {"container"}),
        ("could it be out of memory?", "against: Docker reported SIGKILL", {"share"}),
        (
            "status of store 4",
            "PD calls it Disconnected (before: Up), last heartbeat 34 s ago",
            {"store", "probe", "container"},
        ),
        ("how is tikv-1:20160 doing", "store 1 at", {"store", "probe", "container"}),
        ("show me the log of store:4", "log:", {"log"}),
        ("metrics of store 1 please", "qps: 500.0", {"reading"}),
        ("evidence of pd-1", "pd-1 at", {"member", "container"}),
        ("was it like this before?", "No such ticket", set()),
    ],
)
def test_an_answer_says_it_and_cites_the_pieces(question: str, said: str, kinds: set[str]) -> None:
    found = answer(question, FROZEN, MADE)
    assert said in found.words
    assert found.can_ask == ()
    assert kinds <= {FROZEN.by_id[one].kind for one in found.cited}
    assert len(found.cited) == len(set(found.cited))


def test_every_example_is_understood() -> None:
    for one in QUESTIONS:
        assert answer(one.example, FROZEN, MADE).can_ask == (), one.example


@pytest.mark.parametrize("question", ["", "foo", "kan je dat?", "🦀" * 50])
def test_what_is_not_understood_gets_the_list_and_what_is_known(question: str) -> None:
    found = answer(question, FROZEN, MADE)
    assert found.can_ask == tuple(one.example for one in QUESTIONS)
    assert "store 4" in found.words
    assert f"{len(FROZEN.pieces)} pieces" in found.words


def test_an_inconclusive_diagnosis_says_what_is_missing() -> None:
    unsure = replace(MADE, certainty=Certainty.INCONCLUSIVE, claims=(), unseen=("its log",))
    assert "its log" in answer("how certain is that?", FROZEN, unsure).words
    assert MADE.action in answer("why", FROZEN, unsure).words


def test_a_failed_call_is_told_as_that() -> None:
    pieces = tuple(
        replace(one, ok=False, content=None, error="no route") if one.kind == "probe" else one
        for one in FROZEN.pieces
    )
    found = answer("status of store 4", replace(FROZEN, pieces=pieces), MADE)
    assert "could not be seen (no route)" in found.words


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_any_question_gets_a_bounded_answer(question: str) -> None:
    found = answer(question, FROZEN, MADE)
    assert 0 < len(found.words) <= MAX_WORDS
    assert set(found.cited) <= set(FROZEN.by_id)


@pytest.mark.parametrize("entity", [*FROZEN.entities])
def test_a_status_is_in_words_and_not_cut_off(entity: str) -> None:
    found = answer(f"status of {entity}", FROZEN, MADE)
    if ":" in entity:
        assert "_" not in found.words
        assert all(line.endswith("]") for line in found.words.split("\n")[1:])


def test_examples_name_somebody_whom_the_snapshot_knows() -> None:
    other = replace(MADE, entity="store:1")
    assert "status of store 1?" in answer("foo", FROZEN, other).can_ask
    pieces = tuple(one for one in FROZEN.pieces if one.entity == "pd:pd-0")
    few = replace(FROZEN, pieces=pieces)
    told = answer("foo", few, MADE).can_ask
    assert "status of pd-0?" in told
    assert not any("store 4" in one for one in told)
