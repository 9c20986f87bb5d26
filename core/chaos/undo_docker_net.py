"""Giving a container its network back: endpoints with their names and addresses, and free wires."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from core.chaos import undo_docker_host as host
from core.chaos.undo_docker_engine import Engine, EngineSaid
from core.chaos.undo_docker_life import same_process, status
from core.chaos.undo_ending import HEALED, NEVER_LANDED, NOT_YET, Healed

Raw = Mapping[str, Any]

# What a user chose for an endpoint; all else in it the engine works out anew.
CHOSEN = ("Aliases", "IPAMConfig", "Links", "DriverOpts", "GwPriority")


def heal_cut(engine: Engine, undo: Raw, _found: Raw) -> Healed:
    """Reconnect what is not connected as before: same aliases, address, links and options."""
    did: list[str] = []
    said: list[str] = []
    for one in undo["networks"]:
        problem = _reconnect(engine, undo, one, did, said)
        if problem:
            return Healed(NOT_YET, f"network {one['name']}: {problem}", tuple(did))
    why = "; ".join(said)
    if did:
        return Healed(HEALED, why, tuple(did))
    return Healed(NEVER_LANDED, why or "it hangs on its networks as before")


def _reconnect(engine: Engine, undo: Raw, one: Raw, did: list[str], said: list[str]) -> str:
    """One network; "" once it is as before, else what is in the way."""
    now = _endpoint(engine, undo, one)
    if now is None or _lacks(one, now):
        if now is None and not _exists(engine, one):
            said.append(f"the network {one['name']} was removed")
            return ""
        if now is not None:
            # Somebody plugged it in again without its names: nobody finds it like that.
            _disconnect(engine, undo, one)
        problem = _connect(engine, undo, one, one["endpoint"])
        if problem:
            return problem
        did.append(f"reconnected to {one['name']}")
        now = _endpoint(engine, undo, one)
    if now is None:
        return "it is not connected"
    if _lacks(one, now):
        return f"it is connected without {', '.join(_lacks(one, now))}"
    return _same_address(engine, undo, one, now, did, said)


def _same_address(
    engine: Engine, undo: Raw, one: Raw, now: Raw, did: list[str], said: list[str]
) -> str:
    """Its address from before: given out anew it is mostly the same, else it is asked for."""
    before, has = str(one.get("ip") or ""), str(now.get("IPAddress") or "")
    if not before or not has or before == has:
        return ""
    if not did and not same_process(undo, engine.container(str(undo["id"])) or {}):
        return ""  # a new process may have been given another one
    wanted = dict(one["endpoint"].get("IPAMConfig") or {})
    pinned = {**one["endpoint"], "IPAMConfig": {**wanted, "IPv4Address": before}}
    _disconnect(engine, undo, one)
    problem = _connect(engine, undo, one, pinned)
    if problem:
        # The network does not let it be chosen, or somebody else has it by now.
        problem = _connect(engine, undo, one, one["endpoint"])
    again = _endpoint(engine, undo, one)
    if again is None:
        return problem or "it is not connected"
    if str(again.get("IPAddress") or "") != before:
        said.append(
            f"on {one['name']} it has the address {again.get('IPAddress')} now (was {before}): "
            "the network did not give the old one back"
        )
    return ""


def _endpoint(engine: Engine, undo: Raw, one: Raw) -> Raw | None:
    """How it hangs on that network just now; None while it does not."""
    found = engine.container(str(undo["id"])) or {}
    networks = (found.get("NetworkSettings") or {}).get("Networks") or {}
    for name, endpoint in networks.items():
        if endpoint.get("NetworkID") == one["id"] or (
            not endpoint.get("NetworkID") and name == one["name"]
        ):
            return dict(endpoint)
    return None


def _lacks(one: Raw, now: Raw) -> tuple[str, ...]:
    """Names and chosen addresses from before that an endpoint does not have."""
    wanted = one["endpoint"]
    lost = [
        f"its name {n}" for n in wanted.get("Aliases") or () if n not in (now.get("Aliases") or ())
    ]
    before, has = wanted.get("IPAMConfig") or {}, now.get("IPAMConfig") or {}
    lost += [f"its address {v}" for k, v in before.items() if v and has.get(k) != v]
    return tuple(lost)


def _exists(engine: Engine, one: Raw) -> bool:
    try:
        engine.ask("GET", f"/networks/{quote(str(one['id']))}")
    except EngineSaid as said:
        if said.status == 404:
            return False
        raise
    return True


def _connect(engine: Engine, undo: Raw, one: Raw, endpoint: Raw) -> str:
    body = {"Container": undo["id"], "EndpointConfig": dict(endpoint)}
    try:
        engine.ask("POST", f"/networks/{quote(str(one['id']))}/connect", body)
    except EngineSaid as said:
        # Somebody else who heals may have been quicker: looking again tells.
        return "" if "already exists" in said.text else said.text
    return ""


def _disconnect(engine: Engine, undo: Raw, one: Raw) -> None:
    body = {"Container": undo["id"], "Force": False}
    try:
        engine.ask("POST", f"/networks/{quote(str(one['id']))}/disconnect", body)
    except EngineSaid as said:
        if "is not connected" not in said.text:
            raise


def heal_partition(engine: Engine, undo: Raw, found: Raw) -> Healed:
    """Take our chain out of the packet filter of its network namespace."""
    pid = host.process(engine.address, found)
    if (ended := _namespace(undo, found, pid)) is not None or pid is None:
        return ended or Healed(NOT_YET, "")
    did: list[str] = []
    for tables in undo["tables"]:
        if not _chain(pid, undo, tables):
            continue
        for command in _unchain(undo["chain"], undo["hook"]):
            host.in_network(pid, undo["id"], [tables, "-w", "2", *command])
        if _chain(pid, undo, tables):
            return Healed(NOT_YET, f"the chain {undo['chain']} is still there")
        did.append(f"chain {undo['chain']} removed")
    if did:
        return Healed(HEALED, "packets pass again", tuple(did))
    return _untouched(undo, found, "no chain of ours is there")


def _chain(pid: int, undo: Raw, tables: str) -> bool:
    command = [tables, "-w", "2", "-S", undo["chain"]]
    code, said = host.in_network(pid, undo["id"], command)
    if code not in (0, 1) or "ermission" in said:
        raise OSError(f"{tables}: {said}")
    return code == 0


def _unchain(chain: str, hook: str) -> Iterator[list[str]]:
    yield ["-D", hook, "-j", chain]
    yield ["-F", chain]
    yield ["-X", chain]


def heal_netem(engine: Engine, undo: Raw, found: Raw) -> Healed:
    """Take our delay or loss off its interfaces; what they had before comes back by itself."""
    pid = host.process(engine.address, found)
    if (ended := _namespace(undo, found, pid)) is not None or pid is None:
        return ended or Healed(NOT_YET, "")
    did: list[str] = []
    for name in undo["interfaces"]:
        if not _netem(pid, undo, name):
            continue
        command = [undo["tc"], "qdisc", "del", "dev", name, "root"]
        _, said = host.in_network(pid, undo["id"], command)
        if _netem(pid, undo, name):
            return Healed(NOT_YET, f"{name} is still slowed down: {said}")
        did.append(f"{name} is free again")
    if did:
        return Healed(HEALED, "", tuple(did))
    return _untouched(undo, found, "its interfaces are as before")


def _netem(pid: int, undo: Raw, name: str) -> bool:
    """Whether the rule on that interface is ours, by its handle."""
    command = [undo["tc"], "qdisc", "show", "dev", name]
    code, said = host.in_network(pid, undo["id"], command)
    if code != 0 and "Cannot find device" not in said:
        raise OSError(f"{undo['tc']}: {said}")
    return f"qdisc netem {undo['handle']} root" in said


def _namespace(undo: Raw, found: Raw, pid: int | None) -> Healed | None:
    """What follows where there is no network namespace to look into."""
    if status(found) not in ("running", "paused"):
        return Healed(HEALED, "its network namespace ended with its process")
    if pid is None:
        if not same_process(undo, found):
            return Healed(HEALED, "it was started anew, with a network namespace of its own")
        return Healed(NOT_YET, "its network namespace cannot be seen from here")
    return None


def _untouched(undo: Raw, found: Raw, why: str) -> Healed:
    if same_process(undo, found):
        return Healed(NEVER_LANDED, why)
    return Healed(HEALED, "it was started anew, with a network namespace of its own")
