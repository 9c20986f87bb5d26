"""What nodes of any kind show of themselves, as evidence: ports, containers and logs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from core.clients.docker_model import Container, ContainerEvent
from core.clients.failures import Kind, SourceFailed
from core.clients.http import MIB, Http
from core.clients.log_line import LogLine
from core.clients.logs import LogSource
from core.diagnosis import pieces
from core.diagnosis.rules.decide import RULES
from core.redact import MARK

PROBE_S = 0.5
"""How long a status port may take to answer this look."""
READ_LINES = 5_000
"""Lines of a log that are read; the telling ones among them are kept."""
PLAIN_LINES = 60
"""How many of the newest lines are kept whatever they say."""
MOST_ALIKE = 12
"""How many lines with the same message are kept: a flood of one must not drown the others."""
FEW_LINES = 80
"""Lines that are kept of nodes which the ticket is not about."""
LOG_S = 1_800.0
"""Older lines are not kept, unless there is nothing newer."""
EVENTS = frozenset(
    (
        *("kill", "die", "oom", "stop", "start", "restart", "pause", "unpause"),
        *("connect", "disconnect", "create", "destroy", "update"),
    )
)
MAX_EVENTS = 60
# Lines of base64 in the longest private key that is in use.
_LONGEST_KEY = 120


def _watched() -> re.Pattern[str]:
    """Every word that some rule looks for in a log, so that no rule misses its line."""
    words: set[str] = set()
    for rule in RULES:
        for sign in (*rule.signs, *rule.must_not, *(one for some in rule.must for one in some)):
            if sign.kind == "log" and sign.where:
                parts = sign.where.lower().split("|")
                words.update(one.removeprefix("^").removeprefix("] ") for one in parts)
    return re.compile("|".join(re.escape(one) for one in sorted(words)))


_TELLING = _watched()
_SAID = {
    Kind.REFUSED: "connection refused",
    Kind.RESET: "connection reset",
    Kind.DNS: "no such host",
}


async def probe(http: Http, url: str | None, path: str = "/status") -> dict[str, Any]:
    """One look at a port that must answer: {"ok", "said"}."""
    if not url:
        return {"ok": False, "said": "its address means nothing outside its own machine"}
    try:
        reply = await http.request("GET", f"{url}{path}", total_s=PROBE_S, max_bytes=MIB)
    except SourceFailed as error:
        return {"ok": False, "said": said(error.kind, error.detail, PROBE_S)}
    if reply.status >= 500:
        return {"ok": False, "said": f"answered with HTTP {reply.status}"}
    return {"ok": True, "said": ""}


def container(one: Container) -> dict[str, Any]:
    """A container as evidence. Labels and environment are left out on purpose: they may hold
    secrets, and the marks of an experiment."""
    return {
        "name": one.name,
        "status": one.status,
        "exit_code": one.exit_code,
        "oom_killed": one.oom_killed,
        "restart_count": one.restart_count,
        "networks": sorted(one.networks),
        "health": one.health,
        "image": one.image,
        "started_at": one.started_at.timestamp() if one.started_at else None,
        "finished_at": one.finished_at.timestamp() if one.finished_at else None,
        "memory_limit_bytes": one.memory_limit,
        "detached": one.running and not one.networks,
    }


def events(some: Iterable[ContainerEvent], until: float) -> list[dict[str, Any]]:
    """What happened to a container, oldest first, at most the newest sixty."""
    told = [
        {
            "at": one.at,
            "action": one.action,
            "exit_code": one.exit_code,
            "signal": one.signal or None,
        }
        for one in some
        if one.at <= until and (one.action in EVENTS or one.action.startswith("health_status"))
    ]
    return sorted(told, key=lambda one: float(str(one["at"])))[-MAX_EVENTS:]


async def log_of(
    source: LogSource, taken_at: float, most: int = pieces.MAX_LINES
) -> dict[str, Any]:
    """The tail of a log as evidence, at most so many lines; SourceFailed if it cannot be had."""
    tail = await source.tail(READ_LINES)
    kept = chosen(pieces.dated(without_keys(tail.lines)), taken_at, most)
    found = pieces.log(kept, taken_at)
    return found | {"cut": len(kept) < len(tail.lines) or tail.cut}


def without_keys(lines: Sequence[LogLine]) -> list[LogLine]:
    """The lines without private keys, which stand in several lines each."""
    kept: list[LogLine] = []
    inside = 0
    for line in lines:
        text = line.message
        if "PRIVATE KEY-----" in text and "-----BEGIN" in text:
            inside = _LONGEST_KEY
        if not inside:
            kept.append(line)
            continue
        inside = 0 if "-----END" in text else inside - 1
        kept.append(replace(line, message=MARK, fields={}))
    return kept


def chosen(lines: Sequence[LogLine], taken_at: float, most: int) -> list[LogLine]:
    """The lines that tell something, and the newest ones, in their order.

    A chatty process writes thousands of lines a minute: warnings, and what rules look for, stay, a
    dozen of each.
    """
    kept: list[LogLine] = []
    room = min(most, pieces.MAX_LINES)
    alike: Counter[str] = Counter()
    for back, line in enumerate(reversed(lines)):
        if len(kept) >= room:
            break
        new = back < PLAIN_LINES * room // pieces.MAX_LINES
        if not new and (alike[line.message] >= MOST_ALIKE or not _tells(line, taken_at)):
            continue
        alike[line.message] += line.rank >= 0
        kept.append(line)
    return kept[::-1]


def _tells(line: LogLine, taken_at: float) -> bool:
    if line.at is not None and taken_at - line.at.timestamp() > LOG_S:
        return False
    if line.rank >= 2 or line.rank < 0:  # a warning or worse, or no log line at all: a panic
        return True
    said_all = f"{line.source} {line.message} {' '.join(line.fields.values())}".lower()
    return _TELLING.search(said_all) is not None


def matching(lines: Sequence[LogLine], literal: str, window: tuple[float, float]) -> list[LogLine]:
    """The lines within the window that hold the literal text, whatever its case."""
    wanted = literal.lower()
    return [
        one
        for one in without_keys(lines)
        if (one.at is None or window[0] <= one.at.timestamp() <= window[1])
        and wanted in f"[{one.level}] [{one.source}] {one.message} {_fields(one.fields)}".lower()
    ]


def _fields(fields: Mapping[str, str]) -> str:
    return " ".join(f"[{key}={value}]" for key, value in fields.items())


def said(kind: Kind, detail: str, took_s: float) -> str:
    """How a look at a port failed, in the words that the rules know."""
    if kind is Kind.TIMEOUT:
        return f"timed out after {took_s:.1f} s"
    if kind is Kind.UNREACHABLE:
        return f"unreachable: {detail}" if detail else "no route to host"
    if kind is Kind.HTTP_ERROR:
        return detail or "answered with an error"
    words = _SAID.get(kind, str(kind).replace("_", " "))
    return f"{words}: {detail}" if detail and kind not in _SAID else words
