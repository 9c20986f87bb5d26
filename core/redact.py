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
    r"|\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    re.DOTALL,
)
_HEADER = re.compile(r"(?i)\b(bearer|basic|digest)\s+[A-Za-z0-9._~+/=-]{6,}")
_USERINFO = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]{0,30}://[^\s:/@]{0,200}):[^\s/@]{1,500}@")
# Go's DSN of MySQL has no scheme: user:password@tcp(host:port)/name.
_DSN = re.compile(
    r"(?<![^\s\"'=,;(\[])([\w.%-]{1,64}):[^\s@]{1,200}@((?:tcp6?|udp|unix|cloudsql)\()"
)
_HOOK = re.compile(r"(hooks\.slack(?:-gov)?\.com/[a-z]{1,20}/)[^\s\"'>|)]+")
_SQL = re.compile(
    r"(?i)(\bidentified\s+(?:with\s+\S+\s+)?(?:by|as)\s+)(\\{0,4}'[^']*'|\\{0,4}\"[^\"]*\")"
)
_COOKIE = re.compile(r"(?i)(\b(?:set-)?cookie[\"']?\s*[:=]\s*)([^\r\n\]]{4,})")
_WORDS = (
    r"password|passwd|passphrase|secret|token|credential|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|routing[_-]?key|auth[_-]?key"
)
_NAMED = re.compile(rf"(?i){_WORDS}")
_NAME = rf"[A-Za-z0-9_.-]{{0,80}}?(?:{_WORDS})[A-Za-z0-9_]{{0,60}}"
# Within a text that is itself in quotes, quotes come with backslashes.
_VALUE = r"(?:\\{1,4}\"(?:[^\"\\]|\\(?!\"))*\\{0,4}\"|\"[^\"]*\"|'[^']*'|[^\s,;&\"'}\])]+)"
_ASSIGNED = re.compile(
    rf"(?i)(?<![A-Za-z0-9_.-])(({_NAME})\\{{0,4}}[\"']?\s{{0,20}}[:=]\s{{0,20}})(?!\[secret\])({_VALUE})"
)
_OPTION = re.compile(rf"(?i)(--{_NAME}\s{{1,5}})(?!-)([^\s\"']+)")
_QUERY = re.compile(
    r"(?i)([?&](?:key|sig|signature|sas|code|apikey|x-amz-signature|x-goog-signature)=)[^&\s\"']+"
)
# How many tokens a model or a bucket has is no secret.
_COUNTS = re.compile(r"(?i)tokens|token[_-]?(?:limit|count|budget|rate|bucket|size|num|len)")


def redact(text: str, known: tuple[str, ...] = ()) -> str:
    """`text` with everything secret replaced by a mark."""
    for secret in known:
        if len(secret) >= SHORTEST_KNOWN:
            text = text.replace(secret, MARK)
    text = _HEADER.sub(rf"\1 {MARK}", _WHOLE.sub(MARK, text))
    if "@" in text:
        text = _DSN.sub(rf"\1:{MARK}@\2", _USERINFO.sub(rf"\1:{MARK}@", text))
    if "?" in text or "&" in text:
        text = _QUERY.sub(rf"\1{MARK}", text)
    for form in (_HOOK, _SQL, _COOKIE):
        text = form.sub(rf"\1{MARK}", text)
    if _NAMED.search(text) is None:  # most lines: the search by name is the dear one
        return text
    return _ASSIGNED.sub(_assigned, _OPTION.sub(rf"\1{MARK}", text))


def _assigned(found: re.Match[str]) -> str:
    counted = _COUNTS.search(found[2]) is not None and found[3].strip("\"'\\").isdigit()
    return found[0] if counted else f"{found[1]}{MARK}"


def hides(name: str) -> bool:
    """Whether a field of this name holds a secret, whatever it looks like."""
    return redact(f"{name}=x") == f"{name}={MARK}"
