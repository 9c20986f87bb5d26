"""A snapshot that is written down as a scenario is the same snapshot when it is read again."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.diagnosis.model import Piece
from core.diagnosis.rules.decide import diagnose
from core.diagnosis.scenario.file import read
from core.diagnosis.scenario.record import Told, recorded
from core.diagnosis.scenario.world import snapshot
from core.errors import Invalid

OURS = Path(__file__).parents[4] / "scenarios" / "ours"
TWIN = OURS.parent / "twin"
TOLD = Told("What is it?", "unknown", ("cluster",))
SAME = [
    "killed-no-docker",
    "disk-full",
    "write-stall",
    "evict-leader-forgotten",
    "pd-leader-killed",
    "pd-quorum-lost",
    "leader-imbalance",
    "slow-disk",
    "control-one-lost-probe",
]


@pytest.mark.parametrize("name", SAME)
def test_what_was_written_down_is_answered_the_same(name: str, tmp_path: Path) -> None:
    first = snapshot(read(OURS / name))
    text = recorded(first, TOLD, "twin")
    (tmp_path / "scenario.toml").write_text(text)
    again = snapshot(read(tmp_path))
    one, other = diagnose(first), diagnose(again)
    assert (other.cause, other.entity, other.certainty) == (one.cause, one.entity, one.certainty)
    for piece in first.pieces:
        if piece.kind in ("probe", "members") and piece.ok:
            twin = again.piece(piece.kind, piece.entity)
            assert twin is not None
            assert _plain(twin) == _plain(piece)


def _plain(piece: Piece) -> Any:
    now = piece.content["now"]
    return {key: value for key, value in now.items() if key != "silent_s"}


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    first = snapshot(read(OURS / "killed-no-docker"))
    nasty = 'x"""\n[expect]\ncause = "\\u0000\x7f\' \\ \t<!channel>'
    told = replace(TOLD, question=nasty, notes=nasty)
    made = tomllib.loads(recorded(first, told, "twin"))
    assert made["question"] == nasty
    assert made["expect"]["cause"] == "unknown"


def test_a_cluster_that_no_base_is_like_is_refused() -> None:
    first = snapshot(read(OURS / "killed-no-docker"))
    other = tuple(
        replace(one, entity=one.entity.replace("store:4", "store:9")) for one in first.pieces
    )
    with pytest.raises(Invalid, match="not those of a base"):
        recorded(replace(first, pieces=other), TOLD, "twin")


@pytest.mark.parametrize("name", sorted(one.name for one in TWIN.iterdir()))
def test_what_the_twin_showed_is_told(name: str) -> None:
    """Recorded from real processes at the speed of life: every rule meets what it will meet."""
    file = read(TWIN / name)
    made = diagnose(snapshot(file))
    assert file.origin == "twin"
    assert made.cause == file.expect.cause
    assert made.entity in file.expect.entity
