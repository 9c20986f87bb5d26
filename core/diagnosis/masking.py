"""Hides what a row's key says, and keeps which keys are the same: region and table keys as pseudonyms.

A TiKV key holds table ids, index values and primary keys of the users' rows, in hex (`7480...`) in PD's
answers and escaped (`t\\200\\000...`, `zt\\x80...`) in logs. Each becomes a word such as `key#1a2b3c`, made with a secret
of this installation, so that nobody can find the key by trying; equal keys get equal words.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any

_FIELDS = frozenset(
    ("start_key", "end_key", "startkey", "endkey", "split_key", "region_start_key",
     "region_end_key", "start", "end", "key", "raw_key", "primary", "primary_lock", "lock_key")
)  # fmt: skip
# Where a field is named so, hex of any length is a key; anywhere else only what begins like one.
_HEX = re.compile(r"[0-9A-Fa-f]{6,4096}")
# t, m and DATA's z before them, in hex: tables (74 80...), metadata (6D ...), raw data under z (7A).
_KEY_HEX = re.compile(
    r"(?<![0-9A-Za-z])(?:7[Aa])?(?:7480|6[Dd][0-9A-Fa-f]{2})[0-9A-Fa-f]{12,4096}(?![0-9A-Za-z])"
)
# The same bytes as text: TiKV writes \200, Go and Rust's debug \x80, JSON \u0080.
_ESC = r"(?:\\[0-7]{3}|\\x[0-9A-Fa-f]{2}|\\u00[0-9A-Fa-f]{2}|\\\\x[0-9A-Fa-f]{2}|\\\\[0-7]{3})"
_KEY_TEXT = re.compile(rf"(?<![A-Za-z0-9])z?[tm](?:{_ESC})(?:{_ESC}|[!-\[\]-~]){{0,2048}}")
# A lone escaped run of bytes: keys of raw clients, values of locks.
_BYTES = re.compile(rf"(?:{_ESC}[!-\[\]-~]?){{4,2048}}")
_NAMED = re.compile(
    r"(?i)(\b(?:start|end|split|region|raw|lock|row|first|last)?_?key[\"']?\s*[:=]\s*[\"']?)([0-9A-Fa-f]{12,4096})"
)


class Masking:
    """Pseudonyms of keys under one secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def name(self, key: str) -> str:
        """The word for a key: the same for the same key, whatever its case."""
        made = hmac.new(self._secret, key.upper().encode(), hashlib.sha256).hexdigest()
        return f"key#{made[:6]}"

    def text(self, said: str) -> str:
        """A text with every key in it replaced."""
        said = _KEY_TEXT.sub(lambda found: self.name(found[0]), said)
        said = _BYTES.sub(lambda found: self.name(found[0]), said)
        said = _NAMED.sub(lambda found: found[1] + self.name(found[2]), said)
        return _KEY_HEX.sub(lambda found: self.name(found[0]), said)

    def content(self, thing: Any, field: str = "") -> Any:
        """JSON with every key in it replaced, in values that are named as keys and in all text."""
        if isinstance(thing, str):
            if field in _FIELDS and _HEX.fullmatch(thing):
                return self.name(thing)
            return self.text(thing)
        if isinstance(thing, Mapping):
            return {
                self.text(str(name)): self.content(value, str(name).lower().replace("-", "_"))
                for name, value in thing.items()
            }
        if isinstance(thing, list | tuple):
            return [self.content(one, field) for one in thing]
        return thing
