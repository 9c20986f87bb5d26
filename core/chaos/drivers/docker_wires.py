"""What is done inside a container's network namespace: one-way partitions, delay and loss."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from core.chaos import undo_docker_host as host
from core.chaos.drivers.docker_here import Tools
from core.chaos.drivers.docker_plans import Draft, mark
from core.chaos.drivers.docker_seen import Seen
from core.chaos.drivers.params import figure
from core.chaos.model import Fault
from core.errors import Invalid, Refused, Unavailable

Raw = Mapping[str, Any]
_HANDLE = "70c5:"


def partition(one: Seen, params: Raw, found: Tools, peers: Sequence[str], whom: str) -> Draft:
    """Drop what comes in from some addresses (none: from everybody), or what goes out to them."""
    direction = str(params.get("direction", "in"))
    if direction not in ("in", "out"):
        raise Invalid('direction must be "in" (it hears nobody) or "out" (nobody hears it).')
    chain = f"TOCSIN-{mark()}"
    tables = [found.iptables, *([found.ip6tables] if found.ip6tables else [])]
    said = "hears nothing from" if direction == "in" else "is not heard by"
    return Draft(
        f"cut {one.called} off one way: it {said} {whom}",
        "let the packets pass again",
        before={"rules": "none of ours"},
        undo={
            "chain": chain,
            "hook": "INPUT" if direction == "in" else "OUTPUT",
            "tables": tables,
            "peers": list(peers),
        },
    )


def rules(undo: Raw, table: str) -> list[list[str]]:
    """The commands that put our chain in place; it is hooked in last, when it is whole."""
    chain, hook = str(undo["chain"]), str(undo["hook"])
    own, flag = ("-i", "-s") if hook == "INPUT" else ("-o", "-d")
    wanted = 6 if table.endswith("ip6tables") else 4
    peers = [p for p in undo["peers"] if ipaddress.ip_address(p).version == wanted]
    if undo["peers"] and not peers:
        return []
    # The container's own loopback, which holds the engine's name server, stays as it is.
    commands = [["-N", chain], ["-A", chain, own, "lo", "-j", "RETURN"]]
    commands += [["-A", chain, flag, peer, "-j", "DROP"] for peer in peers]
    if not peers:
        commands.append(["-A", chain, "-j", "DROP"])
    return [[table, "-w", "2", *c] for c in (*commands, ["-I", hook, "1", "-j", chain])]


def netem(fault: Fault, one: Seen, params: Raw, found: Tools, interfaces: Sequence[str]) -> Draft:
    """Slow down, or lose, what goes out on every interface."""
    if fault is Fault.DELAY:
        ms = figure(params, "ms", 200.0, 1.0, 60_000.0)
        jitter = figure(params, "jitter_ms", 0.0, 0.0, 60_000.0)
        rule = ["delay", f"{ms:g}ms", *([f"{jitter:g}ms"] if jitter else [])]
        words = f"delay every packet of {one.called} by {ms:g} ms"
    else:
        pct = figure(params, "pct", 10.0, 0.1, 100.0)
        rule = ["loss", f"{pct:g}%"]
        words = f"lose {pct:g} % of the packets of {one.called}"
    return Draft(
        words,
        "take the rule off again",
        before={"qdisc": "none of its own"},
        undo={"tc": found.tc, "handle": _HANDLE, "interfaces": list(interfaces), "rule": rule},
    )


def shaping(undo: Raw) -> list[list[str]]:
    """The commands that put the rule in place."""
    start = [str(undo["tc"]), "qdisc", "add", "dev"]
    end = ["root", "handle", str(undo["handle"]), "netem", *undo["rule"]]
    return [[*start, name, *end] for name in undo["interfaces"]]


def interfaces(one: Seen, pid: int, tc: str) -> tuple[str, ...]:
    """Interfaces that can be slowed down; Refused if somebody shapes them already. Blocks."""
    code, said = _asked(one, pid, [tc, "qdisc", "show"])
    if code:
        raise Unavailable(f"The traffic control of {one.called} cannot be read: {said}.")
    names = []
    for line in said.splitlines():
        words = line.split()
        if "dev" not in words or (name := words[words.index("dev") + 1]) == "lo":
            continue
        if words[1] not in ("noqueue", "pfifo_fast", "fq_codel", "mq", "fq"):
            raise Refused(f"{name} of {one.called} is shaped already ({words[1]}).")
        names.append(name)
    if not names:
        raise Refused(f"{one.called} has no interface that could be slowed down.")
    return tuple(dict.fromkeys(names))


def apply(one: Seen, pid: int, commands: Sequence[Sequence[str]]) -> None:
    """Run commands in its network namespace, in order. Blocks.

    Refused if the first of them failed; Unavailable if a later one did.
    """
    for number, command in enumerate(commands):
        code, said = _asked(one, pid, command)
        if code:
            kind = Unavailable if number else Refused
            raise kind(f"{' '.join(command)} failed in {one.called}: {said or code}.")


def _asked(one: Seen, pid: int, command: Sequence[str]) -> tuple[int, str]:
    try:
        return host.in_network(pid, one.container.id, command)
    except OSError as error:
        raise Unavailable(f"The network of {one.called} cannot be entered: {error}.") from None
