"""Commands for one-way partitions, delay and loss: what is said to the kernel, and taken back.

The kernel under test may have no netem: then a program that keeps one rule a device stands in for
`tc`, in this process's own network namespace, so that entering, reading and removing are real.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from core.chaos import undo
from core.chaos.drivers import docker_wires as wires
from core.chaos.drivers.docker_here import Tools, why_not
from core.chaos.drivers.docker_seen import seen
from core.chaos.model import Fault
from core.chaos.undo_docker_net import heal_netem
from core.errors import Invalid, Refused, Unavailable
from tests.docker_engine import STARTED, container

TOOLS = Tools(nsenter="/n", iptables="/t/iptables", ip6tables="/t/ip6tables", tc="/t/tc")
TC = """#!/bin/sh
# qdisc show [dev X] | qdisc add dev X root handle H netem ... | qdisc del dev X root
state={state}
case "$2 $3" in
"show ") cat "$state" ;;
"show dev") sed "s/dev eth0 //" "$state" ;;
"add "*) echo "qdisc netem $7 dev eth0 root refcnt 2 limit 1000 delay 200ms" > "$state" ;;
"del "*) echo "qdisc noqueue 0: dev eth0 root refcnt 2" > "$state" ;;
esac
"""


@pytest.fixture
def one():
    return seen([container()])[0]


def test_a_partition_is_hooked_in_last_and_leaves_loopback_alone(one):
    draft = wires.partition(one, {}, TOOLS, (), "anybody")
    chain, table = draft.undo["chain"], ["/t/iptables", "-w", "2"]
    assert wires.rules(draft.undo, "/t/iptables") == [
        [*table, "-N", chain],
        [*table, "-A", chain, "-i", "lo", "-j", "RETURN"],
        [*table, "-A", chain, "-j", "DROP"],
        [*table, "-I", "INPUT", "1", "-j", chain],
    ]
    assert len(chain) <= 28
    assert "hears nothing from anybody" in draft.words


def test_a_partition_from_some_is_by_their_addresses_of_each_kind(one):
    peers = ("10.0.0.4", "fd00::4")
    draft = wires.partition(one, {"direction": "out"}, TOOLS, peers, "pd")
    four, six = (wires.rules(draft.undo, f"/t/{name}") for name in ("iptables", "ip6tables"))
    assert [rule[5:] for rule in four][2:] == [
        ["-d", "10.0.0.4", "-j", "DROP"],
        ["1", "-j", draft.undo["chain"]],
    ]
    assert "fd00::4" in six[2]
    only_four = {**draft.undo, "peers": ["10.0.0.4"]}
    assert wires.rules(only_four, "/t/ip6tables") == []
    with pytest.raises(Invalid, match="direction"):
        wires.partition(one, {"direction": "sideways"}, TOOLS, (), "x")


@pytest.mark.parametrize(
    ("fault", "params", "rule"),
    [
        (Fault.DELAY, {}, ["delay", "200ms"]),
        (Fault.DELAY, {"ms": 50, "jitter_ms": 5}, ["delay", "50ms", "5ms"]),
        (Fault.LOSS, {"pct": 2.5}, ["loss", "2.5%"]),
    ],
)
def test_delay_and_loss_carry_a_handle_of_their_own_on_every_interface(one, fault, params, rule):
    draft = wires.netem(fault, one, params, TOOLS, ("eth0", "eth1"))
    assert wires.shaping(draft.undo) == [
        ["/t/tc", "qdisc", "add", "dev", name, "root", "handle", "70c5:", "netem", *rule]
        for name in ("eth0", "eth1")
    ]


@pytest.mark.parametrize("params", [{"pct": 0}, {"pct": 101}, {"pct": True}, {"pct": "10"}])
def test_a_loss_that_cannot_be_is_refused(one, params):
    with pytest.raises(Invalid):
        wires.netem(Fault.LOSS, one, params, TOOLS, ("eth0",))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may enter a network namespace")
def test_a_rule_is_put_on_read_back_and_taken_off_and_only_ours(tmp_path):
    if shutil.which("nsenter") is None:
        pytest.skip("nsenter is not installed")
    state, tc = tmp_path / "state", tmp_path / "tc"
    tc.write_text(TC.format(state=state))
    tc.chmod(0o755)
    state.write_text("qdisc noqueue 0: dev eth0 root refcnt 2\n")
    # This process stands in for the container's: its control group names the "id".
    ident = Path("/proc/self/cgroup").read_text().splitlines()[-1]
    pid = os.getpid()
    (own,) = seen([container(Id=ident, State=_running(pid))])
    assert wires.interfaces(own, pid, str(tc)) == ("eth0",)
    draft = wires.netem(Fault.DELAY, own, {}, Tools(tc=str(tc)), ("eth0",))
    wires.apply(own, pid, wires.shaping(draft.undo))
    assert "netem 70c5: dev eth0 root" in state.read_text()
    with pytest.raises(Refused, match="shaped already"):
        wires.interfaces(own, pid, str(tc))

    asked = {**draft.undo, "id": ident, "started_at": STARTED}
    engine = type("Engine", (), {"address": "unix:///x"})()
    healed = heal_netem(engine, asked, own.raw)
    assert (healed.ending, healed.did) == (undo.HEALED, ("eth0 is free again",))
    assert heal_netem(engine, asked, own.raw).ending == undo.NEVER_LANDED
    state.write_text("qdisc netem 8001: dev eth0 root refcnt 2 delay 5ms\n")
    assert heal_netem(engine, asked, own.raw).did == (), "somebody else's rule stays"
    with pytest.raises(Unavailable, match="cannot be entered"):
        wires.apply(seen([container()])[0], pid, [[str(tc), "qdisc", "show"]])


def _running(pid):
    return {"Status": "running", "StartedAt": STARTED, "Pid": pid}


@pytest.mark.parametrize(
    ("address", "beside"), [("tcp://far:2375", True), ("unix:///var/run/docker.sock", False)]
)
def test_from_elsewhere_what_needs_the_host_is_refused_with_the_reason(address, beside):
    found = why_not(address, TOOLS, beside=beside)
    assert set(found) == {Fault.CRASH, Fault.PARTITION, Fault.DELAY, Fault.LOSS}
    assert all("the engine's own host" in why for why in found.values())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is told of what is missing")
def test_programs_that_are_missing_are_named(tmp_path):
    found = why_not("unix:///x", Tools(), beside=True)
    assert "iptables" in found[Fault.PARTITION]
    assert "iproute2" in found[Fault.DELAY] == found[Fault.LOSS]
    assert Fault.CRASH not in found
