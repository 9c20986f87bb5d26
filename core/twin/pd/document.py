"""What PD keeps in etcd: one JSON value with a revision, on every member's disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.twin.spec import read_json, write_json


def empty() -> dict[str, Any]:
    """The value of a cluster that no store ever joined."""
    return {
        "bootstrapped_ns": 0,
        "stores": {},
        "config": {},
        "evict": {},
        "grant": {},
        "schedulers": None,
        "members": {},
        "removed_members": [],
        "regions": {},
        "next_id": 0,
        "purged": [],
    }


class Document:
    """The value and its revision; a change is `bump`ed here and copied by the election."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "etcd.json"
        kept = read_json(self._path)
        self.revision: int = kept["revision"] if kept else 0
        self.value: dict[str, Any] = {**empty(), **(kept["value"] if kept else {})}

    def bump(self) -> int:
        """Note that `value` was changed; returns the new revision."""
        self.revision += 1
        self._save()
        return self.revision

    def replace(self, value: dict[str, Any], revision: int) -> None:
        self.value, self.revision = {**empty(), **value}, revision
        self._save()

    def _save(self) -> None:
        write_json(self._path, {"revision": self.revision, "value": self.value})


class Ballot:
    """The term and for whom this member voted in it: kept, so that no one votes twice."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "term.json"
        kept = read_json(self._path) or {}
        self.term: int = kept.get("term", 0)
        self.voted: str = kept.get("voted", "")

    def cast(self, term: int, name: str = "") -> None:
        """Enter `term` with a vote for `name`, or with none yet."""
        self.term, self.voted = term, name
        write_json(self._path, {"term": term, "voted": name})
