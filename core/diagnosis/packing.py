"""Snapshots as they are stored: canonical JSON, compressed, with the digest of the JSON. Pure."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass

from core.diagnosis import encode
from core.diagnosis.model import Snapshot
from core.errors import Unavailable

MAX_UNPACKED = 8 * 1024 * 1024
"""Bytes that a stored snapshot may grow to when it is unpacked."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A snapshot as it is stored; `size_bytes` is of its JSON."""

    digest: str
    size_bytes: int
    body: bytes


def pack(taken: Snapshot) -> Packed:
    """Of a big snapshot (768 KiB) this takes some 20 ms: not on the loop."""
    text = encode.text(taken).encode()
    return Packed(hashlib.sha256(text).hexdigest(), len(text), zlib.compress(text, 6))


def unpack(body: bytes, digest: str) -> Snapshot:
    """Unavailable where it is not what was frozen: nothing may be concluded from it."""
    try:
        text = zlib.decompressobj().decompress(body, MAX_UNPACKED)
    except zlib.error:
        text = b""
    if hashlib.sha256(text).hexdigest() != digest:
        raise Unavailable("The stored evidence is damaged: it is not what was frozen.")
    return encode.snapshot(text.decode())
