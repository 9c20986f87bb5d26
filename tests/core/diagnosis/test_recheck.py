"""Claims are run again against the evidence of then and of now, whatever its pieces are called now."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from core.diagnosis import encode
from core.diagnosis.claims import Outcome
from core.diagnosis.model import Snapshot
from core.diagnosis.recheck import again
from core.diagnosis.rules.decide import diagnose
from core.diagnosis.scenario.file import read
from core.diagnosis.scenario.world import snapshot

SCENARIO = Path(__file__).parents[3] / "scenarios" / "ours" / "killed-by-docker"
THEN = snapshot(read(SCENARIO))
MADE = diagnose(THEN)


def renamed(frozen: Snapshot, later_s: float = 60.0) -> Snapshot:
    pieces = tuple(replace(one, id=f"e{900 - n}") for n, one in enumerate(frozen.pieces))
    return replace(frozen, pieces=pieces, taken_at=frozen.taken_at + later_s)


def test_what_is_still_so_holds_under_new_names() -> None:
    found = again(7, MADE, THEN, renamed(THEN))
    assert found.diagnosis_id == 7
    assert found.now_at - found.then_at == 60
    assert found.lines
    assert found.still == len(found.lines)
    assert not any(one.changed or one.then.altered for one in found.lines)


def test_what_was_mended_is_not_so_any_more() -> None:
    def mend(content: object) -> object:
        if isinstance(content, dict) and isinstance(content.get("now"), dict):
            return {**content, "now": {**content["now"], "status": "running", "exit_code": None}}
        return content

    now = renamed(THEN)
    pieces = tuple(
        replace(one, content=mend(one.content)) if one.kind == "container" else one
        for one in now.pieces
    )
    found = again(7, MADE, THEN, replace(now, pieces=pieces))
    changed = {one.claim.words for one in found.lines if one.changed}
    assert "Docker: its container is exited" in changed
    assert all(one.then.stands for one in found.lines)


def test_what_cannot_be_seen_any_more_is_told_as_that() -> None:
    now = renamed(THEN)
    pieces = tuple(one for one in now.pieces if one.kind != "event")
    found = again(7, MADE, THEN, replace(now, pieces=pieces))
    gone = [one for one in found.lines if one.now.outcome is Outcome.NO_EVIDENCE]
    assert gone
    assert all(THEN.by_id[one.claim.check.evidence].kind == "event" for one in gone)


def test_evidence_that_was_tampered_with_since_is_marked() -> None:
    first = MADE.claims[0].check.evidence
    pieces = tuple(replace(one, at=one.at + 1) if one.id == first else one for one in THEN.pieces)
    found = again(7, MADE, replace(THEN, pieces=pieces), renamed(THEN))
    assert any(one.then.altered for one in found.lines)


def test_a_diagnosis_that_was_stored_can_be_checked_too() -> None:
    made = encode.diagnosis(encode.text(MADE))
    found = again(7, made, encode.snapshot(encode.text(THEN)), renamed(THEN))
    assert found.still == len(found.lines)


def test_what_only_an_alternative_claims_is_told_apart() -> None:
    found = again(7, MADE, THEN, renamed(THEN))
    own = {one.check for one in MADE.claims if one.check.evidence}
    mine = [one for one in found.lines if not one.rival]
    assert len(mine) == len(MADE.claims)
    assert {one.claim.check.evidence for one in mine} == {one.evidence for one in own}
    assert any(one.rival for one in found.lines)
