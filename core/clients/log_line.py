"""Log lines, one at a time: TiDB's unified format ([time] [LEVEL] [source] [message] [key=value]...),
lines of JSON (etcd's, and TiKV's where it is set so), and the older format of etcd 3.4.

Whatever does not fit is kept as text: a panic, a wrapped trace or somebody's attempt to look like a
log line is evidence, too, and never an error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from types import MappingProxyType

MAX_LINE = 16_384
MAX_FIELDS = 64
LEVELS = ("DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_ALIASES = {"WARNING": "WARN", "CRITICAL": "FATAL", "CRIT": "FATAL", "PANIC": "FATAL"}
_HEAD = re.compile(
    r"\[(\d{4})/(\d\d)/(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))? ([+-])(\d\d):?(\d\d)\] "
    r"\[([A-Za-z]+)\](?: \[([^\]]*)\])?"
)
_CAPNSLOG = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ ([CEWNID]) \| ([\w./-]{1,60}): ?(.*)")
_LETTERS = {"C": "FATAL", "E": "ERROR", "W": "WARN", "N": "INFO", "I": "INFO", "D": "DEBUG"}
_KNOWN = ("level", "ts", "time", "caller", "msg", "message")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_BARE = re.compile(r"[^\]=\"]*")


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line. `at` is None, `level` "" and `message` all of it where it is not in the format.

    `complete` is false for a line that was cut short. `fields` are strings, unescaped.
    """

    message: str
    at: datetime | None = None
    level: str = ""
    source: str = ""
    fields: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    complete: bool = True

    @property
    def rank(self) -> int:
        """0 for debug to 4 for fatal; -1 where the level is not known."""
        return LEVELS.index(self.level) if self.level in LEVELS else -1


def parse(text: str) -> LogLine:
    """A line as fields, as far as it is in the format; never raises."""
    whole = len(text) <= MAX_LINE
    text = text[:MAX_LINE].rstrip("\r\n")
    if text.startswith("{"):
        return _of_json(text, whole) or LogLine(text, complete=whole)
    head = _HEAD.match(text)
    if head is None:
        return _of_capnslog(text, whole) or LogLine(text, complete=whole)
    level = head[11].upper()
    parts, ended = _bracketed(text, head.end())
    message = parts[0][0] if parts else ""
    fields = {key: value for key, value in parts[1:] if value is not None}
    return LogLine(
        message=message,
        at=_time(head),
        level=_ALIASES.get(level, level),
        source="" if head[12] in (None, "<unknown>", "?") else head[12],
        fields=MappingProxyType(fields),
        complete=whole and ended,
    )


def _of_json(text: str, whole: bool) -> LogLine | None:
    """A line that is one JSON object with a level and a message; None if it is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    message = found.get("msg", found.get("message"))
    level = found.get("level")
    if not isinstance(message, str) or not isinstance(level, str):
        return None
    caller = found.get("caller")
    rest = [(key, value) for key, value in found.items() if key not in _KNOWN][:MAX_FIELDS]
    fields = {key: value if isinstance(value, str) else json.dumps(value) for key, value in rest}
    return LogLine(
        message=message,
        at=_instant(found.get("ts", found.get("time"))),
        level=_ALIASES.get(level.upper(), level.upper()),
        source=caller if isinstance(caller, str) else "",
        fields=MappingProxyType(fields),
        complete=whole,
    )


def _instant(text: object) -> datetime | None:
    """A time with its zone, also as TiKV writes it ("2026/11/21 15:49:52.449 +08:00")."""
    if not isinstance(text, str) or len(text) > 40:
        return None
    try:
        at = datetime.fromisoformat(text.replace("/", "-").replace(" +", "+").replace(" -", "-"))
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def _of_capnslog(text: str, whole: bool) -> LogLine | None:
    """The format of etcd 3.4 by default. Its times carry no zone: they are left out."""
    head = _CAPNSLOG.match(text)
    if head is None:
        return None
    return LogLine(head[3], level=_LETTERS[head[1]], source=head[2], complete=whole)


def _bracketed(text: str, at: int) -> tuple[list[tuple[str, str | None]], bool]:
    """Each [name] or [name=value] from `at` on, and whether the last of them was closed."""
    found: list[tuple[str, str | None]] = []
    while at < len(text) and len(found) <= MAX_FIELDS:
        if text[at] == " ":
            at += 1
            continue
        if text[at] != "[":
            found.append((text[at:], None) if not found else ("", None))
            return found, True
        name, at = _token(text, at + 1)
        value: str | None = None
        if at < len(text) and text[at] == "=":
            value, at = _token(text, at + 1)
        found.append((name, value))
        end = text.find("]", at)
        if end < 0:
            return found, False
        at = end + 1
    return found, True


def _token(text: str, at: int) -> tuple[str, int]:
    """A bare or JSON-quoted word, and where it ends."""
    quoted = _QUOTED.match(text, at)
    if quoted is not None:
        try:
            return str(json.loads(quoted[0], strict=False)), quoted.end()
        except ValueError:
            return quoted[0][1:-1], quoted.end()
    if text.startswith('"', at):  # opened and never closed: the line was cut
        return text[at + 1 :], len(text)
    bare = _BARE.match(text, at)
    end = bare.end() if bare else at
    return text[at:end], end


def _time(head: re.Match[str]) -> datetime | None:
    year, month, day, hour, minute, second = (int(head[i]) for i in range(1, 7))
    micro = int((head[7] or "0").ljust(9, "0")[:6])
    offset = timedelta(hours=int(head[9]), minutes=int(head[10]))
    try:
        zone = timezone(-offset if head[8] == "-" else offset)
        return datetime(year, month, day, hour, minute, min(second, 59), micro, tzinfo=zone)
    except ValueError:
        return None
