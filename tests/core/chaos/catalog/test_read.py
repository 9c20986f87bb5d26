"""Experiments as data: those that ship, the user's own, and what is wrong with them in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.chaos.catalog.read import check_names, experiment, from_table, load, table_of
from core.chaos.model import Fault
from core.errors import Invalid, NotFound
from core.subjects.etcd.catalog import ALL as ETCD
from core.subjects.tikv.catalog import ALL as TIKV

GOOD = {"name": "mine", "title": "Mine", "fault": "kill", "selector": "store"}
SHIPPED = (
    "kill-store",
    "kill-pd-leader",
    "pause-store",
    "cut-store",
    "rolling-restart",
    "fill-disk",
    "slow-network",
    "lose-etcd-member",
    "lose-etcd-leader",
    "pause-etcd-member",
    "cut-etcd-member",
    "evict-leaders",
    "transfer-pd-leader",
)


def test_thirteen_experiments_ship_and_survive_being_kept() -> None:
    catalog = load()

    assert tuple(catalog.experiments) == SHIPPED
    for one in catalog.experiments.values():
        assert from_table(table_of(one)) == one
        assert one.about


def test_what_shipped_experiments_expect_is_what_their_subjects_claim() -> None:
    known = {"tikv": {one.name for one in TIKV}, "etcd": {one.name for one in ETCD}}

    for one in load().experiments.values():
        for kind in one.kinds:
            assert set(one.expects) | set(one.abort_on) <= known[kind], one.name


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"expects": ["store_dwn"]}, "no invariant 'store_dwn' \\(did you mean 'store_down'"),
        ({"abort_on": ["member_down"], "kinds": ["tikv"]}, "no invariant 'member_down'"),
        ({"steady": ["calm"]}, "no invariant 'calm'"),
        ({"kinds": ["redis"]}, "no kind 'redis'; there is tikv, etcd"),
    ],
)
def test_an_experiment_that_would_wait_in_vain_is_refused(change: dict, said: str) -> None:
    known = {"tikv": {one.name for one in TIKV}, "etcd": {one.name for one in ETCD}}
    check_names(load((), [{**GOOD, "expects": ["store_down"], "steady": ["member_down"]}]), known)

    with pytest.raises(Invalid, match=said):
        check_names(load((), [{**GOOD, **change}]), known)


def test_a_file_of_ones_own_adds_and_replaces(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        '[[experiments]]\nname = "kill-store"\ntitle = "Ours"\nfault = "pause"\n'
        'selector = "store:4"\nduration = "1m30s"\n[experiments.params]\n'
    )

    found = load([file], [GOOD])

    assert found.get("kill-store").fault is Fault.PAUSE
    assert found.get("kill-store").duration_s == 90.0
    assert found.get("mine").title == "Mine"
    assert len(found.experiments) == len(SHIPPED) + 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": None}, "'name' is missing"),
        ({"duraton": "3s"}, "unknown key 'duraton' \\(did you mean 'duration'\\?\\)"),
        ({"fault": "kil"}, "no fault 'kil' \\(did you mean 'kill'\\?\\)"),
        ({"fault": "zzz"}, "there are kill, stop"),
        ({"name": "Not A Name"}, "is no name"),
        ({"selector": "a b"}, "is no selector"),
        ({"duration": "2h"}, "duration: must be"),
        ({"duration": "soon"}, "duration"),
        ({"params": 3}, "params must be a table"),
        ({"expects": 3}, "mine"),
    ],
)
def test_an_experiment_that_cannot_be_is_refused_with_the_key(change: dict, said: str) -> None:
    table = {key: value for key, value in {**GOOD, **change}.items() if value is not None}

    with pytest.raises(Invalid, match=said):
        experiment(table, "mine.toml[1]")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\n", "unknown key 'x'"),
        ("[[experiments]\n", "not valid TOML"),
        ("experiments = 3\n", "are tables"),
        (
            '[[experiments]]\nname="a"\ntitle="a"\nfault="kill"\nselector="s"\n' * 2,
            "two experiments",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)

    with pytest.raises(Invalid, match=said) as error:
        load([file])
    assert str(file) in error.value.text


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="There is no file of experiments"):
        load([tmp_path / "none.toml"])


def test_an_unknown_experiment_names_the_nearest() -> None:
    with pytest.raises(NotFound, match="Did you mean kill-store"):
        load().get("kill-stor")
