"""What leaves is data between marks: redacted, escaped, and fenced so that it cannot pass for orders.

The mark of a diagnosis is a digest of all its evidence, so nobody who writes a log line can know it
beforehand; and as `<`, `>` and `&` are written as escapes in all data, no data can hold a mark at all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from core.diagnosis.model import Piece, Snapshot
from core.redact import MARK, hides, redact

_ORDINARY = 16
_ESCAPES = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}


@lru_cache(maxsize=2_048)
def _hides(name: str) -> bool:
    return hides(name)


def mark(snapshot: Snapshot) -> str:
    """The mark of everything that is said about this snapshot: 16 hex digits."""
    told = "".join(snapshot.digest_of(one) for one in snapshot.pieces)
    return hashlib.sha256(f"{snapshot.taken_at!r}{told}".encode()).hexdigest()[:16]


def scrub(thing: Any, secrets: tuple[str, ...] = ()) -> Any:
    """JSON with every secret replaced, also where only a field's name shows that it is one."""
    if isinstance(thing, str):
        return redact(thing, secrets)
    if isinstance(thing, Mapping):
        return {_name(str(k), secrets): _field(str(k), v, secrets) for k, v in thing.items()}
    if isinstance(thing, list | tuple):
        return [scrub(one, secrets) for one in thing]
    return thing


def _name(name: str, secrets: tuple[str, ...]) -> str:
    # No pattern is as short and plain as nearly all names of fields are, and there are thousands.
    ordinary = len(name) < _ORDINARY and name.isidentifier() and name not in secrets
    return name if ordinary else redact(name, secrets)


def _field(name: str, value: Any, secrets: tuple[str, ...]) -> Any:
    hidden = isinstance(value, str) and bool(value) and _hides(name)
    return MARK if hidden else scrub(value, secrets)


def data(thing: Any, secrets: tuple[str, ...] = ()) -> str:
    """JSON as it may stand between marks: no secret, nothing but ASCII, no angle bracket."""
    said = json.dumps(scrub(thing, secrets), sort_keys=True, separators=(",", ":"))
    return said.translate(_ESCAPES)


def fenced(kind: str, mark: str, said: str) -> str:
    """Data between its marks."""
    return f"<{kind}-{mark}>\n{said}\n</{kind}-{mark}>"


def told(piece: Piece) -> dict[str, Any]:
    """A piece without its content: what it is."""
    head: dict[str, Any] = {"id": piece.id, "kind": piece.kind, "entity": piece.entity}
    head["source"] = piece.source
    return head if piece.ok else {**head, "failed": piece.error}
