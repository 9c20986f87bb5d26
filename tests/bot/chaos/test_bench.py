"""The catalogue as people read it."""

from __future__ import annotations

from bot.chaos.bench import _catalogue as catalogue
from core.chaos import desk


def test_a_target_whose_entity_is_its_name_is_named_once() -> None:
    found = desk.Catalogue("prod", "tikv", targets={"pd:pd-0": "pd-0", "store:1": "tikv-2"})

    assert catalogue(found).targets == ("pd-0", "tikv-2 (store:1)")
