"""docs/invariants.md is what the program itself says."""

from __future__ import annotations

from pathlib import Path

from bot.cli.invariants import page
from core.wiring import CATALOGUES

DOC = Path(__file__).parent.parent / "docs" / "invariants.md"


def test_the_page_is_what_the_docstrings_say() -> None:
    assert DOC.read_text().rstrip("\n") == page().rstrip("\n")


def test_every_invariant_says_what_it_claims_why_it_matters_and_what_to_do() -> None:
    for catalogue in CATALOGUES.values():
        for one in catalogue:
            assert "Why it matters" in one.doc, one.name
            assert "What to do" in one.doc, one.name


def test_what_explains_an_invariant_exists() -> None:
    for catalogue in CATALOGUES.values():
        names = {one.name for one in catalogue}
        for one in catalogue:
            assert set(one.explained_by) <= names, one.name
