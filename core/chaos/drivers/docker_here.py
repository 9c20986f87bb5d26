"""What can be done to containers from this machine: as root beside them, and by its kernel."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass

from core.chaos import undo_docker_host as host
from core.chaos.model import Fault

_WHERE = "it takes root on the engine's own host, in its process namespace"


@dataclass(frozen=True, slots=True)
class Tools:
    """Programs by their full path; "" for one that is not installed."""

    nsenter: str = ""
    iptables: str = ""
    ip6tables: str = ""
    tc: str = ""
    unshare: str = ""


def tools() -> Tools:
    """What is installed. /usr/sbin is looked into also where a user's path leaves it out."""
    path = os.pathsep.join((os.defpath, "/usr/sbin", "/sbin", "/usr/local/sbin"))
    names = ("nsenter", "iptables", "ip6tables", "tc", "unshare")
    return Tools(*(shutil.which(name, path=path) or "" for name in names))


def why_not(address: str, found: Tools, *, beside: bool) -> Mapping[Fault, str]:
    """Per fault, why it cannot be done from here; faults that can be are left out. Blocks.

    `beside`: whether a process of a container was seen from here (or none runs to be seen).
    """
    if not address.startswith("unix://") or os.geteuid() != 0 or not beside:
        return dict.fromkeys((Fault.CRASH, Fault.PARTITION, Fault.DELAY, Fault.LOSS), _WHERE)
    reasons = {}
    if why := _filter(found):
        reasons[Fault.PARTITION] = why
    if why := _netem(found):
        reasons[Fault.DELAY] = reasons[Fault.LOSS] = why
    return reasons


def _filter(found: Tools) -> str:
    if not (found.nsenter and found.iptables and found.unshare):
        return "nsenter, unshare and iptables must be installed"
    return _tried(found, "the packet filter", [found.iptables, "-w", "2", "-N", "TOCSIN"])


def _netem(found: Tools) -> str:
    if not (found.nsenter and found.tc and found.unshare):
        return "nsenter, unshare and tc (iproute2) must be installed"
    command = [found.tc, "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms"]
    return _tried(found, "the kernel's netem", command)


def _tried(found: Tools, what: str, command: list[str]) -> str:
    """Try it in a network namespace that is thrown away at once."""
    try:
        code, said = host.run([found.unshare, "--net", "--", *command])
    except OSError as error:
        return f"{what} cannot be used: {error}"
    told = said.splitlines()[0] if said else f"exit code {code}"
    return f"{what} cannot be used here ({told})" if code else ""
