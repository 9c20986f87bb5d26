"""What can be told at once, before PD and metrics have caught up; and who of several is the one."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from core.diagnosis.model import Certainty, Diagnosis, Snapshot, Weight
from core.diagnosis.rules.decide import LIKELY_POINTS, RULES, diagnose
from core.diagnosis.rules.sign import Candidate, consider
from core.diagnosis.scenario.file import read
from core.diagnosis.scenario.world import snapshot

OURS = Path(__file__).parents[4] / "scenarios" / "ours"


def at_once(name: str, taken: float, *without: str) -> Diagnosis:
    """A scenario looked at so many seconds after its ticket opened."""
    file = read(OURS / name)
    sites = sorted({*file.without, *without})
    return diagnose(snapshot(msgspec.structs.replace(file, taken=taken, without=sites)))


def evidence(folder: Path, text: str) -> Snapshot:
    (folder / "scenario.toml").write_text(text)
    return snapshot(read(folder))


def written(folder: Path, text: str) -> Diagnosis:
    return diagnose(evidence(folder, text))


def weighed(cause: str, entity: str, seen: Snapshot) -> list[Candidate]:
    """What each rule of a cause makes of an entity."""
    fitting = [one for one in RULES if one.cause == cause and one.fits(seen)]
    asked = [one for one in fitting if entity in one.scope(seen)]
    return [consider(one, seen, entity) for one in asked]


@pytest.mark.parametrize(
    ("name", "cause", "entity", "certainty"),
    [
        ("killed-by-docker", "process_killed", "store:4", Certainty.CONFIRMED),
        ("paused", "process_hung", "store:4", Certainty.CONFIRMED),
        ("network-disconnected", "network_cut_two_way", "store:4", Certainty.CONFIRMED),
        ("oom-container", "out_of_memory", "store:4", Certainty.CONFIRMED),
        ("killed-no-docker", "process_killed", "store:4", Certainty.LIKELY),
        ("crash-no-docker", "process_crashed", "store:5", Certainty.CONFIRMED),
    ],
)
def test_a_second_after_its_ticket_the_cause_is_told(
    name: str, cause: str, entity: str, certainty: Certainty
) -> None:
    """The heartbeat that PD still has is from before the silence: it speaks against nothing."""
    made = at_once(name, 1.0)
    assert (made.cause, made.entity, made.certainty) == (cause, entity, certainty)
    assert not [one for one in made.claims if one.weight is Weight.CONTRADICTING]


@pytest.mark.parametrize("name", ["paused", "hung-running-container", "network-disconnected"])
def test_a_silence_of_a_second_is_not_yet_our_own_blindness(name: str) -> None:
    """Figures from before it say that it serves; nothing has been heard of it since."""
    assert at_once(name, 1.0, "docker").cause != "observer_blind"


def test_our_own_blindness_is_told_once_pd_has_heard_from_the_store_since() -> None:
    assert at_once("blind-to-one-store", 1.0).certainty is Certainty.INCONCLUSIVE
    later = at_once("blind-to-one-store", 15.0)
    assert (later.cause, later.certainty) == ("observer_blind", Certainty.LIKELY)


CUT = """
question = "Requests to store 5 are slow."
base = "tikv-3"
taken = 60
[ticket]
invariant = "high_latency"
entity = "store:5"
[expect]
cause = "network_cut_one_way"
entity = "store:1"
"""
MISSES = """
[[reading]]
name = "missing_peers"
entity = "store:{store}"
value = {missed}
at = -20
[[reading]]
name = "unreachable_per_s"
entity = "store:{store}"
value = {reports}
at = -20
[[log]]
entity = "store:{store}"
text = '-5.0 [WARN] [raft_client.rs:560] ["connection aborted"] [store_id={other}]'
"""


def test_of_stores_that_miss_each_other_the_one_that_misses_most_is_cut_off(
    tmp_path: Path,
) -> None:
    """Its peers miss it alone; it misses them all."""
    said = [(1, 2, 18.0, 4), (4, 1, 9.0, 1), (5, 1, 9.0, 1)]
    text = CUT + "".join(
        MISSES.format(store=store, missed=missed, reports=reports, other=other)
        for store, missed, reports, other in said
    )
    made = written(tmp_path, text)
    assert (made.cause, made.entity) == ("network_cut_one_way", "store:1")


def test_a_store_whose_peer_is_dead_is_not_cut_off_for_missing_it(tmp_path: Path) -> None:
    dead = """
[[container]]
entity = "store:4"
at = -10
status = "exited"
exit_code = 137
"""
    text = CUT + dead + MISSES.format(store=5, missed=1, reports=0.0, other=4)
    made = written(tmp_path, text)
    assert (made.cause, made.entity) != ("network_cut_one_way", "store:5")


def test_a_log_that_missed_pd_before_the_silence_does_not_go_on(tmp_path: Path) -> None:
    """It could not reach PD while it started; minutes later it was stopped in its tracks."""
    text = """
question = "Store 4 stopped answering."
base = "tikv-3"
taken = 30
without = ["docker"]
[ticket]
invariant = "store_down"
entity = "store:4"
[expect]
cause = "process_hung"
entity = "store:4"
[[container]]
entity = "store:4"
at = -3
status = "paused"
[[log]]
entity = "store:4"
text = '-400.0 [WARN] [pd.rs:1] ["failed to connect to PD"] [endpoints=pd-0:2379]'
"""
    made = written(tmp_path, text)
    assert (made.cause, made.entity) == ("process_hung", "store:4")


def test_a_store_that_does_not_answer_is_no_imbalance_of_leaders(tmp_path: Path) -> None:
    """Its leaders are elsewhere within 20 s, while PD still calls it Up."""
    text = """
question = "Store 4 is down."
base = "tikv-3"
taken = 12
without = ["docker", "logs", "prometheus"]
[ticket]
invariant = "store_down"
entity = "store:4"
[expect]
cause = "process_killed"
entity = "store:4"
[[probe]]
entity = "store:4"
at = -1
ok = false
said = "connection refused"
[[store]]
id = 4
at = 10
leader_count = 0
heartbeat_at = -4
"""
    seen = evidence(tmp_path, text)
    assert diagnose(seen).cause == "process_killed"
    [imbalance] = weighed("leader_imbalance", "store:4", seen)
    assert not imbalance.possible


def test_load_that_follows_leaders_is_no_hot_store(tmp_path: Path) -> None:
    readings = "".join(
        f'[[reading]]\nname = "{name}"\nentity = "store:5"\nvalue = {value}\nat = -60\n'
        for name, value in (("qps", 1500.0), ("write_bytes_per_s", 6e6), ("cpu_cores", 4.0))
    )
    text = CUT + "[[store]]\nid = 5\nat = -60\nleader_count = 90\n" + readings
    assert written(tmp_path, text).cause != "hot_store"


def test_uneven_leaders_are_not_called_nothing(tmp_path: Path) -> None:
    text = CUT.replace("high_latency", "leader_imbalance").replace('"store:5"', '"cluster"')
    stores = "[[store]]\nid = 5\nat = -60\nleader_count = 90\n"
    [even] = weighed("nothing_wrong", "cluster", evidence(tmp_path, text))
    [uneven] = weighed("nothing_wrong", "cluster", evidence(tmp_path, text + stores))
    assert even.points >= LIKELY_POINTS > uneven.points
