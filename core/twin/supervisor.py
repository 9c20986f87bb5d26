"""Starts and signals the processes of a state directory, each known by pid and start time."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from core.twin.clock import wall_ns
from core.twin.process import is_stopped, same, send, start_time
from core.twin.spec import read_json, write_json

ROOT = Path(__file__).resolve().parents[2]


class Supervisor:
    """Processes of one state directory; other processes of this machine are never touched.

    `tie_to` is a process id with which the twin's processes end. It is kept, so that a process
    that a short-lived command starts later ends with the same owner.
    """

    def __init__(self, folder: Path, tie_to: int | None) -> None:
        self._folder = folder
        self._run = folder / "run"
        self._run.mkdir(mode=0o700, exist_ok=True)
        if tie_to is not None:
            owner = {"pid": tie_to, "start": start_time(tie_to) or ""}
            write_json(self._run / "owner.json", owner)

    def _record(self, name: str) -> dict[str, Any] | None:
        found: dict[str, Any] | None = read_json(self._run / f"{name}.json")
        return found

    def pid(self, name: str) -> int | None:
        """The pid while the process that we started lives; a reused pid does not count."""
        row = self._record(name)
        if row and same(row["pid"], row["start"]):
            return int(row["pid"])
        _reap()
        return None

    def state(self, name: str) -> str:
        """running, paused or stopped."""
        pid = self.pid(name)
        if pid is None:
            return "stopped"
        return "paused" if is_stopped(pid) else "running"

    def signal(self, name: str, number: signal.Signals) -> bool:
        """Signal the process; False when it does not run."""
        row = self._record(name)
        return row is not None and send(row["pid"], row["start"], number)

    def last_words(self, name: str) -> str | None:
        """What an ended process wrote to stderr; None while it runs or was never started."""
        row = self._record(name)
        if row is None or same(row["pid"], row["start"]):
            return None
        path = self._folder / f"{name}.stderr"
        return path.read_text("utf-8", "replace").strip() if path.exists() else ""

    def spawn(self, kind: str, name: str) -> None:
        """Start `python -m core.twin.<kind>` unless it runs; two callers at once start one."""
        with (self._run / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self.pid(name) is None:
                self._spawn(kind, name)

    def _spawn(self, kind: str, name: str) -> None:
        words = [sys.executable, "-S", "-m", f"core.twin.{kind}"]
        words += ["--dir", str(self._folder), "--name", name]
        owner = read_json(self._run / "owner.json")
        if owner and same(owner["pid"], owner["start"]):
            words += ["--owner", f"{owner['pid']}:{owner['start']}"]
        with (self._folder / f"{name}.stderr").open("wb") as errors:
            child = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd=self._folder,
                env={"PYTHONPATH": str(ROOT), "PATH": os.defpath},
                start_new_session=True,
            )
        _CHILDREN[child.pid] = child
        record = {"pid": child.pid, "start": start_time(child.pid) or "", "at": wall_ns()}
        write_json(self._run / f"{name}.json", record)


_CHILDREN: dict[int, subprocess.Popen[bytes]] = {}


def _reap() -> None:
    """Collect children that have ended, so that none stays a zombie of ours."""
    for pid, child in tuple(_CHILDREN.items()):
        if child.poll() is not None:
            _CHILDREN.pop(pid, None)
