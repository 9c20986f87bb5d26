"""Less evidence makes an answer less certain, never a sure and wrong one; over every scenario there is."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from core.diagnosis.evaluate import folders
from core.diagnosis.model import Certainty, Diagnosis, Snapshot
from core.diagnosis.rules.decide import diagnose
from core.diagnosis.scenario.file import File, read
from core.diagnosis.scenario.world import snapshot
from tests.core.diagnosis.rules.withheld import (
    Changed,
    ahead,
    failing,
    old,
    page_of_a_proxy,
    renamed,
    without,
)

SCENARIOS = Path(__file__).parents[4] / "scenarios"
_DOCKER = ("container", "event")
_PD = ("store", "pd", "hot")
CHANGES: dict[str, Changed] = {
    "no engine": without(*_DOCKER),
    "no container": without("container"),
    "no events": without("event"),
    "no logs": without("log"),
    "no figures": without("reading"),
    "no probes": without("probe"),
    "no PD": without(*_PD),
    "no members": without("members", "member"),
    "no record of changes": without("change"),
    "PD fails": failing(*_PD),
    "the engine fails": failing(*_DOCKER),
    "figures fail": failing("reading"),
    "no engine, no logs": without(*_DOCKER, "log"),
    "no engine, no figures": without(*_DOCKER, "reading"),
    "PD and probes alone": without(*_DOCKER, "log", "reading"),
    "figures of twelve minutes ago": old(720.0),
    "our clock is ahead": ahead(95.0),
    "our clock is behind": ahead(-95.0),
    "our clock is a little ahead": ahead(15.0),
    "our clock is a little behind": ahead(-15.0),
    "a proxy in PD's place": page_of_a_proxy,
}
EACH = 8
"""Of so many pairs of scenario and change one is tried: all of them take a minute and a half."""
PARTS = 6
# What the change itself brings about is no wrong answer.
OWN = {
    "figures of twelve minutes ago": {"prometheus_stale"},
    "our clock is ahead": {"observer_blind", "prometheus_stale"},
    "our clock is behind": {"observer_blind"},
    "our clock is a little ahead": {"observer_blind"},
    "our clock is a little behind": {"observer_blind"},
    "a proxy in PD's place": {"observer_blind"},
}
# Where what lies behind it cannot be seen, what did happen is told: true, and less deep.
LESS_DEEP = {
    # Its log in these scenarios is silent about its ends: they look like kills, as they might be.
    "crash_loop": {"process_crashed", "process_killed"},
    "etcd_corrupt": {"process_crashed", "pd_member_down"},
    "etcd_no_space": {"pd_leader_loss"},
    "pd_quorum_loss": {"process_crashed", "graceful_restart", "pd_member_down"},
    "graceful_restart": {"nothing_wrong"},
}
# That it was planned stands nowhere but in the record.
UNPLANNED = {"pd_leader_loss", "scheduler_left_behind", "version_skew", "nothing_wrong"}


@cache
def files() -> tuple[tuple[str, File], ...]:
    found = [(folder, read(folder)) for folder in folders(SCENARIOS)]
    return tuple(
        (str(folder.relative_to(SCENARIOS)), file) for folder, file in found if not file.claude
    )


def seen(name: str) -> Snapshot:
    return snapshot(read(SCENARIOS / name))


def allowed(file: File, change: str) -> set[str]:
    """The causes that may be told surely."""
    first = file.expect.cause or ("nothing_wrong" if file.expect.healthy else "unknown")
    right = {first, *file.expect.accept}
    right |= {other for one in right for other in LESS_DEEP.get(one, ())}
    if change == "no record of changes":
        right |= UNPLANNED
    return right | OWN.get(change, set())


def wrong(file: File, change: str, made: Diagnosis) -> bool:
    """Whether the answer is sure, and about another cause."""
    return made.certainty is not Certainty.INCONCLUSIVE and made.cause not in allowed(file, change)


def pairs(part: int) -> Iterator[tuple[str, File, list[str]]]:
    """Scenarios with the changes that are tried on them: another choice for each, all in turn."""
    for place, (name, file) in enumerate(files()):
        if place % PARTS == part:
            yield name, file, list(CHANGES)[place // PARTS % EACH :: EACH]


@pytest.mark.parametrize("part", range(PARTS))
def test_no_source_that_is_lacking_makes_an_answer_sure_and_wrong(part: int) -> None:
    bad = []
    for name, file, tried in pairs(part):
        evidence = snapshot(file)
        for change in tried:
            made = diagnose(CHANGES[change](evidence))
            if wrong(file, change, made):
                bad.append(f"{change}: {name}: {made.cause} of {made.entity} ({made.certainty})")
    assert bad == []


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("ours/killed-by-docker", "no engine, no figures"),
        ("ours/oom-container", "no engine, no figures"),
        ("strangers-2/log-that-gives-orders", "no engine"),
        ("strangers-2/uptime-saw-tooth", "figures of twelve minutes ago"),
        ("reports/store-down-process-alive-deadlock", "no figures"),
        ("strangers-2/pd-follower-disk-six-hundred-ms", "no figures"),
        ("strangers-2/kernel-update-host-not-back-yet", "no logs"),
    ],
)
def test_without_its_witness_the_cause_is_not_told(name: str, change: str) -> None:
    made = diagnose(CHANGES[change](seen(name)))
    assert made.certainty is Certainty.INCONCLUSIVE


@pytest.mark.parametrize("by_s", [-95.0, 40.0, 95.0, 3600.0])
def test_a_clock_of_our_own_that_is_off_is_told_once_for_all(by_s: float) -> None:
    """One heartbeat too old is a store's, all of them by as much are ours."""
    evidence = seen("ours/control-prometheus-back")
    made = diagnose(ahead(by_s)(evidence))
    assert made.certainty is Certainty.INCONCLUSIVE or made.cause == "observer_blind"
    assert "network_cut" not in made.cause


OTHER_NAMES = {
    "IPv6": {"tikv-4:20160": "[fd00::14]:20160", "tikv-4:20180": "[fd00::14]:20180"},
    "dots": {"tikv-4:": "tikv-4.rack-2.example.net:"},
    "older": {"8.5.7": "6.5.12"},
    "a large id": {"store:4": "store:90210344", "store_id=4": "store_id=90210344"},
}


@pytest.mark.parametrize("other", sorted(OTHER_NAMES))
@pytest.mark.parametrize("name", ["ours/killed-by-docker", "ours/network-cut-by-its-log"])
def test_other_names_and_versions_change_nothing(name: str, other: str) -> None:
    evidence = seen(name)
    first, again = diagnose(evidence), diagnose(renamed(OTHER_NAMES[other])(evidence))
    assert (again.cause, again.certainty) == (first.cause, first.certainty)


def test_a_word_that_a_field_quotes_is_not_the_process_speaking() -> None:
    made = diagnose(without("container", "event")(seen("strangers-2/log-that-gives-orders")))
    assert made.cause not in ("graceful_restart", "nothing_wrong")


def test_figures_of_then_are_cited_by_nobody() -> None:
    made = diagnose(old(720.0)(seen("ours/write-stall")))
    evidence = old(720.0)(seen("ours/write-stall"))
    cited = {evidence.by_id[one.check.evidence].kind for one in made.claims}
    assert "reading" not in cited


@pytest.mark.parametrize("name", ["pd-etcd-data-differs", "pd-host-without-room"])
def test_what_is_said_of_a_pd_member_speaks_of_no_store(name: str) -> None:
    made = diagnose(seen(f"strangers-2/{name}"))
    said = " ".join((made.primary, made.action, *made.risks))
    assert made.entity.startswith("pd:")
    assert not [one for one in ("region", "store", "raft log") if one in said.lower()]
    assert "member PD member" not in said
