"""What is stored comes back as it was, and what an older release stored still reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.diagnosis import encode
from core.diagnosis.claims import every, run
from core.diagnosis.encode import Answer
from core.diagnosis.model import Certainty, Diagnosis, Piece, Reason, Snapshot
from core.diagnosis.rules.decide import diagnose
from core.diagnosis.scenario.file import read
from core.diagnosis.scenario.world import snapshot
from core.errors import Invalid

ROOT = Path(__file__).parents[3] / "scenarios"
SOME = sorted(one.parent for one in ROOT.rglob("scenario.toml"))[::9]


@pytest.mark.parametrize("folder", SOME, ids=lambda one: one.name)
def test_a_snapshot_and_its_diagnosis_come_back_with_every_claim_still_sealed(folder: Path) -> None:
    frozen = snapshot(read(folder))
    made = diagnose(frozen, first_look=True)
    back = encode.snapshot(encode.text(frozen))
    again = encode.diagnosis(encode.text(made))

    assert [one.digest for one in back.pieces] == [one.digest for one in frozen.pieces]
    assert encode.text(back) == encode.text(frozen)
    assert encode.text(again) == encode.text(made)
    assert len(list(every(again))) == len(list(every(made)))
    for claim in every(again):
        found = run(claim, back)
        assert found.stands
        assert not found.altered


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(content=JSON, error=st.text(), at=st.floats(0, 2e9) | st.integers(0, 2_000_000_000))
def test_any_piece_comes_back_with_the_same_digest(content: object, error: str, at: float) -> None:
    piece = Piece("e1", "log", "log", "store:1", at, (0, at), content, ok=not error, error=error)
    frozen = Snapshot("prod", "x", "store:1", 1.0, 2.0, Reason.OPENED, (piece,))

    assert encode.snapshot(encode.text(frozen)).pieces[0].digest == piece.digest


def test_an_answer_comes_back_and_none_is_none() -> None:
    said = Answer("because", ("e1",), ("why?",))
    assert encode.answer(encode.text(said)) == said
    assert encode.answer("") is None


def test_what_an_older_release_did_not_write_is_empty() -> None:
    made = encode.diagnosis('{"cause": "disk_full", "primary": "The disk is full."}')
    assert isinstance(made, Diagnosis)
    assert (made.cause, made.claims, made.unseen) == ("disk_full", (), ())
    assert made.certainty is Certainty.INCONCLUSIVE
    frozen = encode.snapshot('{"subject": "prod", "pieces": [{"id": "e1"}, 7]}')
    assert [one.id for one in frozen.pieces] == ["e1"]


def test_what_a_newer_release_wrote_is_read_as_far_as_it_is_understood() -> None:
    claim = {
        "words": "it will",
        "check": {"entity": "a", "predicate": {"path": "x", "op": "foresees"}},
    }
    told = {
        "certainty": "very",
        "severity": "apocalyptic",
        "claims": [claim],
        "aura": "purple",
        "timeline": [{"at": "noon", "words": "x"}],
    }
    made = encode.diagnosis(json.dumps(told))
    assert made.claims == ()
    assert made.certainty is Certainty.INCONCLUSIVE
    assert made.timeline[0].at == 0.0


@pytest.mark.parametrize("broken", ["", "[]", "{", "null", "7"])
def test_what_is_no_diagnosis_is_refused_in_words(broken: str) -> None:
    with pytest.raises(Invalid, match="cannot be read"):
        encode.diagnosis(broken)
    with pytest.raises(Invalid, match="cannot be read"):
        encode.snapshot(broken)
