"""The archive of a run: what it left to read, with a manifest of digests, kept in one commit."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from core import events
from core.db import Tx
from core.runs import artefacts, harm
from core.runs.model import FaultRecord, Run
from core.tickets import store as tickets

RECORD = "record.json"
MANIFEST = "manifest.json"
JSON = "application/json"
MOST_EVENTS = 500


@dataclass(frozen=True, slots=True)
class Leaf:
    """One thing to keep: a picture with the words for whoever does not see it."""

    name: str
    mime: str
    body: bytes
    alt: str = ""


def keep(tx: Tx, run: Run, leaves: Sequence[Leaf]) -> None:
    """Keep the record, the leaves, and a manifest that names the digest of each."""
    record = msgspec.json.format(msgspec.json.encode(record_of(tx, run)), indent=2)
    artefacts.put(tx, run.id, RECORD, JSON, record)
    for leaf in leaves:
        artefacts.put(tx, run.id, leaf.name, leaf.mime, leaf.body, leaf.alt)
    digests = {n: d for n, d in artefacts.names(tx, run.id).items() if n != MANIFEST}
    manifest = msgspec.json.encode({"run": run.id, "sha256": digests})
    artefacts.put(tx, run.id, MANIFEST, JSON, manifest)


def record_of(tx: Tx, run: Run) -> dict[str, Any]:
    """All that is known of a run, as JSON: its row, what it broke, its tickets and its events."""
    row = {f.name: getattr(run, f.name) for f in dataclasses.fields(run)}
    numbers = [int(n) for n in run.data.get("tickets") or ()]
    return {
        **row,
        "faults": [_fault(one) for one in harm.of_run(tx, run.id)],
        "tickets": [
            {
                "id": one.id,
                "invariant": one.invariant,
                "entity": one.entity,
                "severity": str(one.severity),
                "title": one.title,
                "opened_at": one.opened_at,
                "resolved_at": one.resolved_at,
            }
            for one in tickets.by_ids(tx, numbers).values()
        ],
        "events": [
            {"at": one.at, "kind": one.kind, "ticket": one.ticket_id, "data": dict(one.data)}
            for n in numbers[:20]
            for one in events.of_ticket(tx, n, 50)
        ][:MOST_EVENTS],
    }


def _fault(one: FaultRecord) -> dict[str, Any]:
    return {f.name: getattr(one, f.name) for f in dataclasses.fields(one)}
