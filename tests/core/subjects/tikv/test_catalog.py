from __future__ import annotations

from typing import Any

import pytest

from core.errors import Invalid
from core.invariant import Severity
from core.subjects.tikv.catalog import ALL, invariants


def test_the_defaults_are_those_that_were_promised() -> None:
    found = {one.name: (one.hold_s, str(one.severity)) for one in invariants()}
    assert found == {
        "store_down": (0.0, "critical"),
        "store_restarted": (0.0, "info"),
        "store_slow": (30.0, "warning"),
        "high_latency": (60.0, "warning"),
        "low_disk_space": (0.0, "warning"),
        "pd_member_down": (5.0, "warning"),
        "pd_no_leader": (20.0, "critical"),
        "quorum_margin": (0.0, "critical"),
        "region_health": (60.0, "warning"),
        "leader_imbalance": (300.0, "info"),
        "observer_blind": (20.0, "warning"),
    }


def test_each_can_be_changed() -> None:
    changes: dict[str, dict[str, Any]] = {
        "low_disk_space": {"used": 0.8, "severity": "critical", "hold_s": 60, "recover_s": 5}
    }
    one = next(one for one in invariants(changes) if one.name == "low_disk_space")
    assert one.settings["used"] == 0.8
    assert (one.severity, one.hold_s, one.recover_s) == (Severity.CRITICAL, 60.0, 5.0)
    assert invariants(changes)[0] is ALL[0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"disk_full": {"used": 0.8}}, "There is no invariant 'disk_full'"),
        ({"low_disk_space": {"usage": 0.8}}, "low_disk_space has no setting 'usage'"),
        ({"low_disk_space": {"used": "80%"}}, "used must be a number"),
        ({"low_disk_space": {"used": True}}, "used must be a number"),
        ({"low_disk_space": {"hold_s": -1}}, "hold_s must be a number of at least 0"),
        ({"low_disk_space": {"hold_s": float("nan")}}, "hold_s must be a number"),
        ({"low_disk_space": {"severity": "urgent"}}, "'urgent' is no severity"),
    ],
)
def test_what_cannot_be_is_refused_by_name(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid, match=said):
        invariants(changes)


def test_what_explains_what_is_known_by_name() -> None:
    names = {one.name for one in ALL}
    for one in ALL:
        assert set(one.explained_by) <= names - {one.name}
