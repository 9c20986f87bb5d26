from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from core.subjects.tikv.evidence import Incident
from core.subjects.tikv.fusion import Fusion
from core.subjects.tikv.memory import dump, load
from core.subjects.tikv.restarts import Restarts, Seen
from core.subjects.tikv.settings import Guards
from core.subjects.tikv.trust import Trust

AT, MONO = 1_800_000_000.0, 5_000.0


def parts() -> tuple[Fusion, Restarts, Trust]:
    guards = Guards()
    trust = Trust(guards)
    return Fusion(guards, trust), Restarts(guards), trust


def test_what_was_carried_comes_back_on_another_machine_clock() -> None:
    fusion, restarts, trust = parts()
    fusion.incidents[4] = Incident(MONO - 30, AT - 30, "refuses", "probe", leaders=20, mark=AT - 33)
    fusion.incidents[4].told = True
    restarts.started[4] = 1_799_999_000
    restarts.recent[5] = Seen(MONO - 60, AT - 60, True, 300.0)
    trust.leader = "pd-1"
    carried = json.loads(json.dumps(dump(fusion, restarts, trust, AT, MONO)))

    fusion2, restarts2, trust2 = parts()
    load(carried, fusion2, restarts2, trust2, AT + 10, 77.0)
    incident = fusion2.incidents[4]
    assert (incident.began, incident.since, incident.mark) == (37.0, AT - 30, AT - 33)
    assert (incident.told, incident.leaders, incident.by) == (True, 20, "probe")
    assert restarts2.started == {4: 1_799_999_000}
    assert restarts2.recent[5].mono == 7.0
    assert trust2.leader == "pd-1"


def test_equal_states_are_equal_whenever_they_are_told() -> None:
    fusion, restarts, trust = parts()
    fusion.incidents[4] = Incident(MONO - 30, AT - 30, "refuses", "probe")
    early = dump(fusion, restarts, trust, AT, MONO)
    assert early == dump(fusion, restarts, trust, AT + 600, MONO + 600)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = st.sampled_from(["leader", "started", "restarts", "incidents"])


@given(st.dictionaries(KEYS, JSON | st.dictionaries(st.just("4"), JSON)))
def test_a_carry_that_makes_no_sense_is_left_out(carry: dict[str, Any]) -> None:
    load({"v": 1, **carry}, *parts(), AT, MONO)
    load(carry, *parts(), AT, MONO)
