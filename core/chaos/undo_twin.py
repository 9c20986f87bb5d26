"""Healing a process of a twin: starts it, continues it, or turns its switches back.

Standard library only. The twin's own supervisor is used as Docker's engine is for containers: it,
too, stands on the standard library alone.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.chaos import undo_http
from core.chaos.undo_ending import HEALED, NEVER_LANDED, NOT_YET, UNKNOWN, VANISHED, Healed
from core.twin import spec as specs
from core.twin.process import same, send
from core.twin.supervisor import Supervisor

_HEADERS = {"X-Twin": "1"}


def heal(undo: Mapping[str, Any], now: float) -> Healed:
    """Undo one fault of a twin. `undo`: folder, cluster_id, name, kind, fault, pid, start, answers
    (a URL that serves when it is well), tls, and, where switches were turned, switch (its URL),
    ours and before (values by switch)."""
    folder = Path(str(undo["folder"]))
    gone = _gone(folder, undo)
    if gone:
        return Healed(VANISHED, gone)
    if undo.get("switch"):
        return _switches(Supervisor(folder, None), undo)
    return _process(Supervisor(folder, None), undo)


def _gone(folder: Path, undo: Mapping[str, Any]) -> str:
    """Why that twin is no more, "" if it is there."""
    try:
        spec = specs.load(folder)
    except FileNotFoundError:
        return "the twin was taken away"
    except (ValueError, KeyError, TypeError):
        return "the twin's layout is no longer one"
    if spec.cluster_id != undo["cluster_id"]:
        return "another twin was made in its place"
    if undo["name"] not in ({one.name for one in spec.pds} | {one.name for one in spec.stores}):
        return "the twin has no such process any more"
    owner = specs.read_json(folder / "run" / "owner.json")
    names = [*(one.name for one in spec.pds), *(one.name for one in spec.stores)]
    if owner and not same(owner["pid"], owner["start"]) and not _any_runs(folder, names):
        return "the twin ended with the program that it belonged to"
    return ""


def _any_runs(folder: Path, names: list[str]) -> bool:
    twin = Supervisor(folder, None)
    return any(twin.pid(name) is not None for name in names)


def _process(twin: Supervisor, undo: Mapping[str, Any]) -> Healed:
    name, fault = str(undo["name"]), str(undo["fault"])
    did: tuple[str, ...] = ()
    state = twin.state(name)
    if fault == "pause":
        if state == "stopped" or not same(int(undo["pid"]), str(undo["start"])):
            return Healed(VANISHED, "the process that was paused has ended")
        if state == "paused":
            send(int(undo["pid"]), str(undo["start"]), signal.SIGCONT)
            did = (f"continued {name}",)
    elif state == "stopped":
        twin.spawn(str(undo["kind"]), name)
        did = (f"started {name}",)
    return _seen(twin, undo, did)


def _seen(twin: Supervisor, undo: Mapping[str, Any], did: tuple[str, ...]) -> Healed:
    name = str(undo["name"])
    state = twin.state(name)
    another = not same(int(undo["pid"]), str(undo["start"]))
    if state == "stopped" or (state == "paused" and undo["fault"] == "pause"):
        return Healed(NOT_YET, f"{name} is {state}", did)
    if state == "running":
        silent = undo_http.answers(str(undo["answers"]), undo.get("tls"))
        if silent:
            return Healed(NOT_YET, silent, did)
    return Healed(HEALED if did or another else NEVER_LANDED, f"{name} runs", did)


def _switches(twin: Supervisor, undo: Mapping[str, Any]) -> Healed:
    if not same(int(undo["pid"]), str(undo["start"])):
        return Healed(VANISHED, "the process has ended, and its switches with it")
    ours, before = undo["ours"], undo["before"]
    present = _read(undo)
    # What is neither as before nor as we set it, somebody else has turned since.
    turned = {key: before[key] for key in ours if present.get(key) == ours[key] != before[key]}
    if not turned:
        return Healed(NEVER_LANDED, "its switches stand as before")
    status, body = undo_http.call("PUT", undo["switch"], undo.get("tls"), turned, _HEADERS)
    if status != 200:
        return Healed(UNKNOWN, f"the switches refused: {body[:200].decode('utf-8', 'replace')}")
    did = tuple(f"turned {key} back" for key in sorted(turned))
    present = _read(undo)
    left = sorted(key for key in turned if present.get(key) != before[key])
    if left:
        return Healed(NOT_YET, f"{', '.join(left)} not back yet", did)
    return Healed(HEALED, "its switches stand as before", did)


def _read(undo: Mapping[str, Any]) -> dict[str, Any]:
    status, body = undo_http.call("GET", undo["switch"], undo.get("tls"))
    if status != 200:
        raise OSError(f"{undo['switch']} answers {status}")
    return dict(json.loads(body))
