"""What is advised of a cause, and what it risks, speaks of what it befell."""

from __future__ import annotations

import re

import pytest

from core.diagnosis import befallen
from core.diagnosis.causes import CAUSES
from core.diagnosis.rules import etcd, process, storage

STORES_ONLY = re.compile(r"\b(stores?|regions?|block cache|PD may|replica)\b")
OF_A_NODE = {one.cause for one in (*process.RULES, *storage.RULES, *etcd.RULES)} & {
    *("process_killed", "process_crashed", "crash_loop", "out_of_memory", "process_hung"),
    *("graceful_restart", "network_cut_two_way", "network_cut_one_way", "disk_full"),
}


@pytest.mark.parametrize("cause", sorted(OF_A_NODE | {"observer_blind", "clock_step"}))
@pytest.mark.parametrize("entity", ["member:etcd-1", "pd:pd-2"])
def test_members_have_no_regions_and_no_block_cache(cause: str, entity: str) -> None:
    said = befallen.of(cause, entity)
    assert said.says == CAUSES[cause].says
    for words in (said.action, *said.risks):
        assert not STORES_ONLY.search(words), words


@pytest.mark.parametrize("cause", sorted(CAUSES))
def test_of_a_store_everything_is_said_as_usual(cause: str) -> None:
    assert befallen.of(cause, "store:4") is CAUSES[cause]


@pytest.mark.parametrize("cause", sorted(CAUSES))
def test_what_differs_is_whole(cause: str) -> None:
    for entity in ("member:etcd-1", "pd:pd-2", "etcd", "cluster"):
        said = befallen.of(cause, entity)
        assert said.action.endswith(".")
        assert bool(said.risks) == bool(CAUSES[cause].risks)


def test_a_cause_that_is_none_is_refused() -> None:
    with pytest.raises(KeyError):
        befallen.of("bad luck", "member:etcd-1")
