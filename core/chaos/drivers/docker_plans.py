"""What each fault does to a container, what it needs, and what undoing it takes."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.chaos.drivers.docker_seen import Seen
from core.chaos.drivers.params import figure
from core.chaos.model import Fault
from core.chaos.undo_docker_engine import START_S
from core.chaos.undo_docker_net import CHOSEN
from core.errors import Invalid, Refused

LEAST_STOP_S = 30
"""TiKV hands its leaders over for 20 s before it ends: a shorter stop is a crash in disguise."""
LANDS_S = 20.0
"""How long after a call the engine may still act on it, beyond what the work itself takes: twice the
time after which the call is given up."""
POLICIES = ("always", "unless-stopped", "on-failure")
KNOWN: Mapping[Fault, tuple[str, ...]] = {
    Fault.STOP: ("timeout_s",),
    Fault.RESTART: ("timeout_s",),
    Fault.CUT: ("network",),
    Fault.PARTITION: ("side", "direction"),
    Fault.DELAY: ("ms", "jitter_ms"),
    Fault.LOSS: ("pct",),
    Fault.LIMIT_CPU: ("cpus",),
    Fault.LIMIT_MEMORY: ("pct", "mib"),
    Fault.FILL_DISK: ("pct", "path", "max_gib"),
}

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Draft:
    """The part of a plan that is the fault's own. `undo` becomes part of what the healer gets;
    `takes_s` is how long the work itself may take."""

    words: str
    undo_words: str
    before: Raw = field(default_factory=dict)
    undo: Raw = field(default_factory=dict)
    touches: str = ""
    takes_s: float = 0.0


Drafter = Callable[[Seen, Mapping[str, Any]], Awaitable[Draft]]


async def kill(one: Seen, _params: Raw) -> Draft:
    """SIGKILL by the engine. No restart policy acts on that."""
    ends(one)
    said = "" if policy(one) == "no" else " (a kill by the engine does not wake its restart policy)"
    return Draft(f"kill {one.called} with SIGKILL; it stays down{said}", "start it again")


async def crash(one: Seen, _params: Raw) -> Draft:
    """SIGKILL from the host: to the engine the process has ended by itself."""
    ends(one)
    name = policy(one)
    follows = (
        f"its restart policy ({name}) starts it again within a second"
        if name in POLICIES
        else "it has no restart policy, so it stays down until the experiment ends"
    )
    return Draft(
        f"kill the first process of {one.called} from the host, as a crash: {follows}",
        "start it again, should it still be down",
    )


async def stop(one: Seen, params: Raw) -> Draft:
    """As an operator would."""
    ends(one)
    grace = grace_s(one, params)
    return Draft(
        f"stop {one.called} with SIGTERM (SIGKILL after {grace} s)",
        "start it again",
        undo={"timeout_s": grace},
        takes_s=grace,
    )


async def restart(one: Seen, params: Raw) -> Draft:
    """Stop, and start at once."""
    ends(one)
    grace = grace_s(one, params)
    return Draft(
        f"restart {one.called}: SIGTERM (SIGKILL after {grace} s), then a start",
        "start it, should it be down",
        undo={"timeout_s": grace},
        takes_s=grace + START_S,
    )


async def pause(one: Seen, _params: Raw) -> Draft:
    """The freezer: ports accept, nothing answers."""
    return Draft(
        f"freeze every process of {one.called}: its ports accept, nothing answers",
        "let them run on",
    )


async def cut(one: Seen, params: Raw) -> Draft:
    """Off its networks, or one of them."""
    found = networks(one)
    if wanted := params.get("network"):
        found = tuple(n for n in found if n["name"] == wanted)
        if not found:
            there = ", ".join(str(n["name"]) for n in networks(one))
            raise Invalid(f"{one.called} is on no network {wanted!r}; it is on {there}.")
    if not found:
        raise Refused(f"{one.called} is on no network.")
    names = ", ".join(str(n["name"]) for n in found)
    return Draft(
        f"disconnect {one.called} from {names}",
        f"reconnect it to {names} with the same aliases and addresses",
        before={"networks": list(found)},
        undo={"networks": list(found)},
        touches="its published ports answer nobody meanwhile",
        takes_s=float(len(found)),
    )


async def limit_cpu(one: Seen, params: Raw) -> Draft:
    """A fraction of a processor."""
    cpus = figure(params, "cpus", 0.1, 0.01, 64.0)
    hosted = one.raw.get("HostConfig") or {}
    if nano := int(hosted.get("NanoCpus") or 0):
        ours, before = {"NanoCpus": int(cpus * 1e9)}, {"NanoCpus": nano}
    elif (quota := int(hosted.get("CpuQuota") or 0)) > 0:
        period = int(hosted.get("CpuPeriod") or 0) or 100_000
        ours, before = {"CpuQuota": int(cpus * period)}, {"CpuQuota": quota}
    else:
        ours, before = {}, {}
    if ours and next(iter(ours.values())) >= next(iter(before.values())):
        raise Refused(f"{one.called} has no more than {cpus:g} processors anyway.")
    return Draft(
        f"leave {one.called} {cpus:g} of a processor",
        "give it back the limits that it has now",
        before=before,
        undo={"by": "engine", "set": ours, "limits": before} if ours else {},
    )


async def limit_memory(one: Seen, params: Raw, used: int) -> Draft:
    """Little more memory than it uses just now; less would be a kill."""
    wanted = (
        int(figure(params, "mib", 0, 6, 1024 * 1024) * 2**20)
        if "mib" in params
        else int(used * figure(params, "pct", 110.0, 100.0, 1000.0) / 100)
    )
    limit = max(wanted, 6 * 2**20) // 4096 * 4096
    if limit < used:
        raise Refused(
            f"{one.called} uses {used // 2**20} MiB: a limit of {limit // 2**20} MiB would kill it. "
            "If that is meant, use kill."
        )
    hosted = one.raw.get("HostConfig") or {}
    memory = int(hosted.get("Memory") or 0)
    swap = int(hosted.get("MemorySwap") or 0)
    if memory and limit >= memory:
        raise Refused(f"{one.called} may use no more than {memory // 2**20} MiB anyway.")
    ours: dict[str, int] = {}
    before: dict[str, int] = {}
    if memory:
        ours, before = {"Memory": limit}, {"Memory": memory}
        if swap:
            ours["MemorySwap"] = limit if swap > 0 else swap
            before["MemorySwap"] = swap
    return Draft(
        f"leave {one.called} {limit // 2**20} MiB of memory (it uses {used // 2**20})",
        "give it back the limits that it has now",
        before={"used": used, **before},
        undo={"by": "engine", "set": ours, "limits": before} if ours else {"bytes": limit},
    )


def networks(one: Seen) -> tuple[dict[str, Any], ...]:
    """How it hangs on each of its networks, and what its user chose about that."""
    mode = str((one.raw.get("HostConfig") or {}).get("NetworkMode") or "")
    if mode in ("host", "none") or mode.startswith("container:"):
        raise Refused(f"{one.called} has no network of its own (its network mode is {mode}).")
    found = (one.raw.get("NetworkSettings") or {}).get("Networks") or {}
    short = one.container.id[:12]
    made = [_network(name, raw, short) for name, raw in sorted(found.items())]
    # The one that it was started with comes first, and so is its first interface again.
    made.sort(key=lambda network: mode not in (network["name"], network["id"]))
    return tuple(made)


def _network(name: str, raw: Raw, short: str) -> dict[str, Any]:
    chosen = {key: raw[key] for key in CHOSEN if raw.get(key) is not None}
    # Its short id is an alias that the engine adds by itself.
    aliases = [one for one in chosen.pop("Aliases", None) or () if one != short]
    if aliases:
        chosen["Aliases"] = aliases
    return {
        "id": str(raw.get("NetworkID") or name),
        "name": name,
        "ip": str(raw.get("IPAddress") or ""),
        "endpoint": chosen,
    }


def grace_s(one: Seen, params: Raw) -> int:
    """How long it may take to end by itself: its own time, at least 30 s."""
    own = (one.raw.get("Config") or {}).get("StopTimeout")
    usual = max(LEAST_STOP_S, int(own or 0))
    return int(figure(params, "timeout_s", min(usual, 600), LEAST_STOP_S, 600))


def ends(one: Seen) -> None:
    """Refused if its end would be its removal."""
    if (one.raw.get("HostConfig") or {}).get("AutoRemove"):
        raise Refused(f"{one.called} runs with --rm: it would be removed when it ends.")


def policy(one: Seen) -> str:
    """Its restart policy; "no" if it has none."""
    return one.container.restart_policy or "no"


def mark() -> str:
    """A name of our own that nothing else has."""
    return secrets.token_hex(5)
