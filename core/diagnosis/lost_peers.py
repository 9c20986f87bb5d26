"""Whom a node's log says that it cannot reach: stores that PD lists, or such as left for good."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

LOST = (
    "raft_client|connection abort|failed to connect to store|unreachable"
    "|send raft msg err|wait connect timeout|resolve store address"
)
"""What a store's log says when it does not reach another one, for a claim's `where`."""
_WORDS = tuple(LOST.split("|"))
_STORE = re.compile(r"store_id[=:]\s*\"?(\d{1,20})|\bstore (\d{1,20})\b", re.IGNORECASE)
_ADDRESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,120}:\d{2,5}\b")
_SOURCE = re.compile(r"\[[a-z_]+\.rs:\d+\]")


def told(log: Any, listed: Mapping[str, str], own: str) -> dict[str, Any]:
    """What the log's lines of loss name: `lost_listed`, how many may be about stores that PD lists;
    `lost_removed`, how many are about none of those. Empty where there is no such line.

    `listed`: the addresses of PD's stores by id; `own` is the id of the log's store. A line that
    names nobody counts as one about a listed store unless others name removed ones.
    """
    found = [_names(one, listed, own) for one in _lines(log)]
    here, removed = found.count("listed"), found.count("removed")
    if not removed:
        here += found.count("")
    return {"lost_listed": here, "lost_removed": removed} if found else {}


def _lines(log: Any) -> list[str]:
    lines = log.get("lines") if isinstance(log, dict) else None
    texts = [one.get("text") for one in lines or () if isinstance(one, dict)]
    return [one for one in texts if isinstance(one, str) and _lost(one.lower())]


def _lost(line: str) -> bool:
    return any(one in line for one in _WORDS)


def _names(line: str, listed: Mapping[str, str], own: str) -> str:
    ids = {one or other for one, other in _STORE.findall(line)} - {own}
    if ids:
        return "listed" if ids & set(listed) else "removed"
    addresses = set(_ADDRESS.findall(_SOURCE.sub("", line))) - {listed.get(own, "")}
    if not addresses:
        return ""
    known: Collection[str] = set(listed.values())
    return "listed" if addresses & set(known) else "removed"
