"""Taking secrets out of text, before it is logged, stored or sent.

Known secrets go literally; beside them, everything that has the form of one: Slack, Anthropic and
cloud tokens, bearer headers, passwords in URLs and DSNs, private keys, assignments to secret names.
Ordinary fields named `key` (region and table keys, rate-limit keys) stay.
"""

from __future__ import annotations

import re

MARK = "[secret]"
SHORTEST_KNOWN = 6
"""A known secret shorter than this would blank out ordinary words."""

_WHOLE = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)"
    r"|\bxox[abeoprs]-[A-Za-z0-9-]{8,}"
    r"|\bxapp-[A-Za-z0-9-]{8,}"
    r"|\bsk-ant-[A-Za-z0-9_-]{8,}"
    r"|\bsk-[A-Za-z0-9_-]{20,}"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}"
    r"|\bglpat-[A-Za-z0-9_-]{16,}"
    r"|\bAIza[A-Za-z0-9_-]{30,}"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    re.DOTALL,
)
_HEADER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}")
_USERINFO = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*://[^\s:/@]*):[^\s/@]+@")
_NAMES = (
    r"(?:[A-Za-z0-9_.-]*(?:password|passwd|passphrase|secret|token|credential|api[_-]?key"
    r"|access[_-]?key|private[_-]?key|signing[_-]?secret|routing[_-]?key|auth[_-]?key)[A-Za-z0-9_]*)"
)
_ASSIGNED = re.compile(
    rf"(?i)([\"']?\b{_NAMES}[\"']?\s*[:=]\s*)(?!\[secret\])(\"[^\"]*\"|'[^']*'|[^\s,;&\"'}}\])]+)"
)
_QUERY = re.compile(r"(?i)([?&](?:key|sig|signature|sas|code|apikey)=)[^&\s\"']+")


def redact(text: str, known: tuple[str, ...] = ()) -> str:
    """`text` with everything secret replaced by a mark."""
    for secret in known:
        if len(secret) >= SHORTEST_KNOWN:
            text = text.replace(secret, MARK)
    text = _WHOLE.sub(MARK, text)
    text = _HEADER.sub(rf"\1 {MARK}", text)
    text = _USERINFO.sub(rf"\1:{MARK}@", text)
    text = _QUERY.sub(rf"\1{MARK}", text)
    return _ASSIGNED.sub(rf"\1{MARK}", text)


def hides(name: str) -> bool:
    """Whether a field of this name holds a secret, whatever it looks like."""
    return redact(f"{name}=x") == f"{name}={MARK}"
