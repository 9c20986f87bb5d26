"""Healing what was done to PD itself: hands the leadership back, stops driving leaders away.

Standard library only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from core.chaos import undo_http
from core.chaos.undo_ending import HEALED, NEVER_LANDED, NOT_YET, UNKNOWN, Healed

API = "/pd/api/v1"
_EVICT = "evict-leader-scheduler"
_HEADERS = {"X-Caller-ID": "tocsin"}


def heal(undo: Mapping[str, Any], now: float) -> Healed:
    """Undo one change to PD. `undo`: fault, urls (members' client URLs), tls (ca, cert, key or
    None), and for transfer_leader: from and to (members' names); for evict_leaders: store_id."""
    if undo["fault"] == "transfer_leader":
        return _leader(undo)
    if undo["fault"] == "evict_leaders":
        return _eviction(undo)
    return Healed(UNKNOWN, f"PD is not healed of {undo['fault']}")


def _leader(undo: Mapping[str, Any]) -> Healed:
    led, ours = str(undo["from"]), str(undo["to"])
    present = _leads(undo)
    if present == led:
        return Healed(NEVER_LANDED, f"{led} leads PD")
    if present != ours:
        # An election has happened since: this difference is not ours.
        return Healed(HEALED, f"{present} was elected since")
    path = f"{API}/leader/transfer/{quote(led, safe='')}"
    status, body = _change(undo, "POST", path)
    did = (f"handed PD's leadership back to {led}",)
    if status == 404:
        return Healed(HEALED, f"{led} is no member any more; {present} leads PD")
    if status != 200:
        return Healed(UNKNOWN, f"PD answers {status}: {_said(body)}")
    present = _leads(undo)
    if present != led:
        return Healed(NOT_YET, f"{present} still leads PD", did)
    return Healed(HEALED, f"{led} leads PD", did)


def _leads(undo: Mapping[str, Any]) -> str:
    status, body = _read(undo, f"{API}/leader")
    if status != 200:
        raise OSError(f"PD names no leader: {status} {_said(body)}")
    return str(json.loads(body)["name"])


def _eviction(undo: Mapping[str, Any]) -> Healed:
    store_id = int(undo["store_id"])
    if store_id not in _evicting(undo):
        return Healed(NEVER_LANDED, f"no leaders are driven from store {store_id}")
    status, body = _change(undo, "DELETE", f"{API}/schedulers/{_EVICT}-{store_id}")
    did = (f"stopped driving leaders from store {store_id}",)
    if status not in (200, 404):
        return Healed(UNKNOWN, f"PD answers {status}: {_said(body)}")
    if store_id in _evicting(undo):
        return Healed(NOT_YET, f"leaders are still driven from store {store_id}", did)
    return Healed(HEALED, f"no leaders are driven from store {store_id}", did)


def _evicting(undo: Mapping[str, Any]) -> set[int]:
    status, body = _read(undo, f"{API}/scheduler-config/{_EVICT}/list")
    if status == 404:
        return set()
    if status != 200:
        raise OSError(f"PD does not list its schedulers: {status} {_said(body)}")
    found = json.loads(body).get("store-id-ranges") or {}
    return {int(one) for one in found if str(one).isdigit()}


def _read(undo: Mapping[str, Any], path: str) -> tuple[int, bytes]:
    """What the first member says that answers with anything but its own trouble."""
    last = (0, b"no member answers")
    for url in undo["urls"]:
        try:
            last = undo_http.call("GET", url + path, undo.get("tls"), headers=_HEADERS)
        except OSError as error:
            last = (0, str(error).encode())
            continue
        if last[0] in (200, 404):
            return last
    return last


def _change(undo: Mapping[str, Any], method: str, path: str) -> tuple[int, bytes]:
    last = (0, b"no member answers")
    for url in undo["urls"]:
        try:
            last = undo_http.call(method, url + path, undo.get("tls"), headers=_HEADERS)
        except OSError as error:
            last = (0, str(error).encode())
            continue
        if last[0] < 500:
            return last
    return last


def _said(body: bytes) -> str:
    return " ".join(body[:200].decode("utf-8", "replace").split())
