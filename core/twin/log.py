"""TiDB's unified log format, appended to one file a process."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.twin.clock import wall_ns

_PLAIN = re.compile(r"^[^\s\"=\[\]]+$")
MAX_BYTES = 8 * 1024 * 1024


class Log:
    """Writes `[time] [LEVEL] [place] ["message"] [key=value]`; each line is flushed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("a", encoding="utf-8", buffering=1)

    def info(self, place: str, message: str, **fields: Any) -> None:
        self._write("INFO", place, message, fields)

    def warn(self, place: str, message: str, **fields: Any) -> None:
        self._write("WARN", place, message, fields)

    def error(self, place: str, message: str, **fields: Any) -> None:
        self._write("ERROR", place, message, fields)

    def _write(self, level: str, place: str, message: str, fields: dict[str, Any]) -> None:
        ns = wall_ns()
        when = datetime.fromtimestamp(ns / 1e9, UTC).strftime("%Y/%m/%d %H:%M:%S")
        text = message if _PLAIN.match(message) else json.dumps(message, ensure_ascii=False)
        pairs = "".join(
            f" [{name.replace('_', '-') if name in _DASHED else name}={_value(value)}]"
            for name, value in fields.items()
        )
        millis = ns // 1_000_000 % 1000
        self._file.write(f"[{when}.{millis:03d} +00:00] [{level}] [{place}] [{text}]{pairs}\n")
        if self._file.tell() > MAX_BYTES:
            self._rotate()

    def _rotate(self) -> None:
        self._file.close()
        self._path.replace(self._path.with_suffix(".log.1"))
        self._file = self._path.open("a", encoding="utf-8", buffering=1)


_DASHED = frozenset({"new_leader", "from_store", "to_store"})


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    return text if _PLAIN.match(text) else json.dumps(text, ensure_ascii=False)
