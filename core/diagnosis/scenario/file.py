"""A scenario as it stands in its file (docs/scenarios.md), read strictly: an unknown key names itself."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from core.diagnosis.causes import CAUSES
from core.diagnosis.claude.task import Ending
from core.diagnosis.scenario.script_tables import ClaudeTable
from core.errors import Invalid

NAME = "scenario.toml"
MAX_BYTES = 2 * 1024 * 1024
DEFAULT_OPENED = datetime(2026, 6, 20, 9, 0, 0, tzinfo=UTC)


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Refuses keys that it does not know."""


class TicketTable(_Strict, frozen=True, kw_only=True):
    """What was opened."""

    invariant: str
    entity: str
    title: str = ""
    summary: str = ""
    value: float | None = None
    threshold: float | None = None
    unit: str = ""
    severity: str = "critical"


class Expect(_Strict, frozen=True, kw_only=True):
    """The right answer; the diagnosis never sees it."""

    entity: str | list[str]
    cause: str = ""
    accept: list[str] = []
    forbid: list[str] = []
    healthy: bool = False
    evidence: list[str] = []
    abstain: bool = False
    at_most: str = "confirmed"


class MemberTable(_Strict, frozen=True, kw_only=True):
    """A PD member from `at` on."""

    name: str
    at: float = 0.0
    answers: bool | None = None
    said: str | None = None
    health: bool | None = None
    leader: bool | None = None
    version: str | None = None


class PdTable(_Strict, frozen=True, kw_only=True):
    """An answer of PD's API from `at` on."""

    path: str
    at: float = -1e9
    status: int = 200
    json: str | None = None
    text: str | None = None
    failed: str | None = None
    merge: bool = False


class ProbeTable(_Strict, frozen=True, kw_only=True):
    """What the bot sees of a status port."""

    entity: str
    ok: bool
    at: float = 0.0
    said: str = ""


class ContainerTable(_Strict, frozen=True, kw_only=True):
    """Docker's view of a container from `at` on; absent fields stay as they were."""

    entity: str
    at: float = 0.0
    name: str | None = None
    status: str | None = None
    exit_code: int | None = None
    oom_killed: bool | None = None
    restart_count: int | None = None
    started_at: float | None = None
    finished_at: float | None = None
    memory_limit_bytes: float | None = None
    networks: list[str] | None = None
    health: str | None = None
    image: str | None = None


class EventTable(_Strict, frozen=True, kw_only=True):
    """One event of Docker."""

    entity: str
    at: float
    action: str
    exit_code: int | None = None
    signal: str | int | None = None


class LogTable(_Strict, frozen=True, kw_only=True):
    """Lines of a node's log."""

    entity: str
    text: str = ""
    file: str = ""


class ReadingTable(_Strict, frozen=True, kw_only=True):
    """A figure out of Prometheus or a node."""

    name: str
    entity: str
    at: float = -1e9
    value: float | None = None
    points: list[tuple[float, float]] = []
    failed: str = ""
    empty: bool = False
    gone: bool = False


class PrometheusTable(_Strict, frozen=True, kw_only=True):
    """Prometheus itself."""

    at: float = -1e9
    failed: str = ""
    sample_age_s: float | None = None


class ChangeTable(_Strict, frozen=True, kw_only=True):
    """What was recorded as changed."""

    at: float
    entity: str
    what: str
    words: str = ""


class NearbyTable(_Strict, frozen=True, kw_only=True):
    """Another ticket."""

    invariant: str
    entity: str
    opened: float
    resolved: float | None = None
    cause: str = ""


class File(_Strict, frozen=True, kw_only=True):
    """The whole file."""

    question: str
    base: str
    ticket: TicketTable
    expect: Expect
    opened: datetime = DEFAULT_OPENED
    taken: float = 30.0
    before: float = -300.0
    origin: str = "authored"
    notes: str = ""
    without: list[str] = []
    withhold: list[str] = []
    store: list[dict[str, Any]] = []
    member: list[MemberTable] = []
    pd: list[PdTable] = []
    probe: list[ProbeTable] = []
    container: list[ContainerTable] = []
    event: list[EventTable] = []
    log: list[LogTable] = []
    reading: list[ReadingTable] = []
    prometheus: PrometheusTable = PrometheusTable()
    change: list[ChangeTable] = []
    nearby: list[NearbyTable] = []
    claude: ClaudeTable | None = None


WITHOUT = frozenset(("docker", "logs", "prometheus", "probe"))


def read(folder: Path) -> File:
    """The scenario in a folder; Invalid says what is wrong in which file."""
    path = folder / NAME
    try:
        if path.stat().st_size > MAX_BYTES:
            raise Invalid(f"{path}: larger than {MAX_BYTES} bytes.")
        made = msgspec.convert(tomllib.loads(path.read_text("utf-8")), File, strict=False)
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{path}: cannot be read: {error}") from None
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Invalid(f"{path}: {error}") from None
    wrong = _wrong(made)
    if wrong:
        raise Invalid(f"{path}: {wrong}")
    return msgspec.structs.replace(made, log=[_log(folder, one) for one in made.log])


def _wrong(made: File) -> str:
    expect = made.expect
    named = [one for one in (expect.cause, *expect.accept, *expect.forbid) if one]
    unknown = [one for one in named if one not in CAUSES]
    if unknown:
        return f"expect: {unknown[0]!r} is no cause; there are {', '.join(CAUSES)}."
    if not expect.cause and not expect.healthy and not expect.abstain:
        return "expect: give a cause, or healthy = true, or abstain = true."
    if set(made.without) - WITHOUT:
        return f"without: there are {', '.join(sorted(WITHOUT))}."
    if made.opened.tzinfo is None:
        return "opened needs a time zone, as in 2026-06-20T09:00:00Z."
    if any("id" not in one for one in made.store):
        return "store: every table needs an id."
    if expect.at_most not in ("confirmed", "likely", "inconclusive"):
        return "expect: at_most is confirmed, likely or inconclusive."
    return _wrong_script(made.claude)


def _wrong_script(script: ClaudeTable | None) -> str:
    if script is None:
        return ""
    if not script.turn:
        return "claude: give at least one turn."
    if script.ends not in list(Ending):
        return f"claude: ends is one of {', '.join(Ending)}."
    empty = any(not (one.tools or one.answer or one.says or one.fails) for one in script.turn)
    return "claude: every turn has tools, an answer, says or fails." if empty else ""


def _log(folder: Path, table: LogTable) -> LogTable:
    if not table.file:
        return table
    path = (folder / table.file).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise Invalid(f"{folder / NAME}: the log file {table.file!r} is outside the folder.")
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES).decode("utf-8", "replace")
    except OSError as error:
        raise Invalid(f"{folder / NAME}: {error}") from None
    return msgspec.structs.replace(table, text=table.text + text)
