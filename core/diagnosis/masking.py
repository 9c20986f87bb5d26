"""Hides what a row's key says, and keeps which keys are the same: region and table keys as pseudonyms.

A TiKV key holds table ids, index values and primary keys of the users' rows, in hex (`7480...`) in PD's
answers and escaped (`t\\200\\000...`, `zt\\x80...`) in logs. Each becomes a word such as `key#1a2b3c4d`, made
with a secret of this installation, so that nobody can find the key by trying. One key gets one word,
however it was written.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any

_BOUNDS = frozenset(("start_key", "end_key", "startkey", "endkey", "split_key"))
_FIELDS = _BOUNDS | {"start", "end", "key", "raw_key", "primary", "primary_lock", "lock_key"}
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}){3,4096}")
_SHORT_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}){1,4096}")
# In hex, t and m, and the z that TiKV's engine puts before them.
_KEY_HEX = re.compile(
    r"(?<![0-9A-Za-z#])(?:7[Aa])?(?:7480|6[Dd][0-9A-Fa-f]{2})[0-9A-Fa-f]{12,8192}(?![0-9A-Za-z])"
)
# The same bytes as text: TiKV writes \200, Go and Rust \x80, JSON \u0080; in quotes all once more.
_ESC = r"(?:\\{1,2}(?:[0-7]{3}|x[0-9A-Fa-f]{2}|u00[0-9A-Fa-f]{2}))"
_PLAIN = r"[!#-\[^-~]"  # printable, but what ends a value: a quote, a bracket
_KEY_TEXT = re.compile(rf"(?<![A-Za-z0-9\\])z?[tm]{_ESC}(?:{_ESC}|{_PLAIN}){{0,2048}}")
# Any run of escaped bytes: keys of raw clients.
_BYTES = re.compile(rf"(?:{_ESC}{_PLAIN}?){{4,2048}}")
_ONE = re.compile(rf"{_ESC}|.", re.DOTALL)
_NAMED = re.compile(
    r"(?i)(\b(?:start|end|split|region|raw|lock|row|first|last)_?key\\{0,2}[\"']?\s?[:=]\s?\\{0,2}[\"']?)"
    r"((?:[0-9a-f]{2}){1,4096})(?![0-9a-z])"
)
# A bare "key" may be anything: only long hex is one of ours.
_BARE = re.compile(
    r"(?i)(\bkey\\{0,2}[\"']?\s?[:=]\s?\\{0,2}[\"']?)((?:[0-9a-f]{2}){8,4096})(?![0-9a-z])"
)
# TiDB writes keys decoded: {tableID=72, handle=4711}, {..., indexValues={alice, }}.
_DECODED = re.compile(r"\b(handle|indexValues|_tidb_rowid)=(\{[^{}]{0,2048}\}|[^\s,}\]]{1,512})")


class Masking:
    """Pseudonyms of keys under one secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def name(self, key: str) -> str:
        """The word for a key in hex or escaped: the same for the same bytes."""
        plain = _bytes(key)
        if plain[:1] == b"z" and plain[1:2] in (b"t", b"m"):
            plain = plain[1:]
        made = hmac.new(self._secret, plain, hashlib.sha256).hexdigest()
        return f"key#{made[:8]}"

    def text(self, said: str) -> str:
        """A text with every key in it replaced."""
        if "\\" in said:
            said = _KEY_TEXT.sub(self._whole, said)
            said = _BYTES.sub(self._whole, said)
        if "ey" in said or "EY" in said:
            said = _BARE.sub(self._named, _NAMED.sub(self._named, said))
        if "=" in said:
            said = _DECODED.sub(self._decoded, said)
        return _KEY_HEX.sub(self._whole, said)

    def _whole(self, found: re.Match[str]) -> str:
        return self.name(found[0])

    def _named(self, found: re.Match[str]) -> str:
        return found[1] + self.name(found[2])

    def _decoded(self, found: re.Match[str]) -> str:
        made = hmac.new(self._secret, found[2].encode(), hashlib.sha256).hexdigest()
        return f"{found[1]}=key#{made[:8]}"

    def content(self, thing: Any, field: str = "") -> Any:
        """JSON with every key in it replaced, in values that are named as keys and in all text."""
        if isinstance(thing, str):
            shape = _SHORT_HEX if field in _BOUNDS else _HEX
            if field in _FIELDS and shape.fullmatch(thing):
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


def _bytes(key: str) -> bytes:
    """The bytes that a key is, from its hex or its escaped form."""
    if _SHORT_HEX.fullmatch(key):
        return bytes.fromhex(key)
    return b"".join(_byte(found[0]) for found in _ONE.finditer(key))


def _byte(part: str) -> bytes:
    digits = part.lstrip("\\")
    if part == digits or not digits:
        return part.encode()
    if digits[0] in "xu":
        return bytes((int(digits[1:], 16) & 0xFF,))
    return bytes((int(digits, 8) & 0xFF,))
