"""Healing from inside the bot, and the detached healer beside it: arming, and telling it the end."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.addresses import private_folder
from core.chaos import sentinel, undo
from core.chaos.undo import Healed
from core.config import environ
from core.errors import Refused
from core.runs.model import FaultRecord

ARM_LIMIT_S = 10.0
"""The detached healer says that it is ready within some 0.1 s; a busy machine gets more."""
_KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "HOME")


class Healers:
    """The detached healers of one bot: one file a fault in `folder` (0700)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def file(self, fault_id: int) -> Path:
        """Where the healer of a fault keeps what it must do."""
        return self._folder / f"fault-{fault_id}.json"

    async def arm(self, fault: FaultRecord, words: str) -> int:
        """Start the healer of a fault; its pid. Refused if it does not come up."""
        try:
            return await asyncio.to_thread(self._arm, fault, words)
        except OSError as error:
            raise Refused(f"The detached healer cannot be started: {error}.") from None

    def _arm(self, fault: FaultRecord, words: str) -> int:
        private_folder(self._folder)
        path = self.file(fault.id)
        sentinel.write(
            path,
            {
                "fault_id": fault.id,
                "run_id": fault.run_id,
                "recorded_at": fault.recorded_at,
                "what": words,
                "heal_by": fault.heal_by,
                "undo": {**fault.undo, "lands_until": fault.lands_until, "returned": False},
                "state": "armed",
            },
        )
        given = environ()
        started = subprocess.Popen(
            [sys.executable, "-I", str(Path(sentinel.__file__).resolve()), str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env={name: given[name] for name in _KEPT if name in given},
        )
        try:
            said, errors = started.communicate(timeout=ARM_LIMIT_S)
        except subprocess.TimeoutExpired:
            started.kill()
            started.communicate()
            raise Refused(
                "The detached healer did not start in time; nothing was broken."
            ) from None
        word, _, pid = said.decode("utf-8", "replace").strip().partition(" ")
        if word != sentinel.READY or not pid.isdigit():
            why = errors.decode("utf-8", "replace").strip()[-300:]
            raise Refused(f"The detached healer did not start; nothing was broken. {why}".strip())
        return int(pid)

    async def returned(self, fault: FaultRecord) -> None:
        """Tell the healer that the injecting call came back."""

        def change(content: dict[str, Any]) -> None:
            content["undo"]["returned"] = True

        await asyncio.to_thread(self._change, fault.id, change)

    async def verified(self, fault_id: int) -> None:
        """Tell the healer that it is over, and wait until it does nothing any more."""

        def change(content: dict[str, Any]) -> None:
            content["state"] = sentinel.VERIFIED

        try:
            await asyncio.to_thread(self._change, fault_id, change)
        except OSError:
            # A full disk takes no new content, but a file that is gone says the same.
            self.file(fault_id).unlink(missing_ok=True)

    def _change(self, fault_id: int, change: Any) -> None:
        path = self.file(fault_id)
        if not path.parent.exists():
            return
        with sentinel.alone(path):
            content = sentinel.read(path)
            if content is not None:
                change(content)
                sentinel.write(path, content)

    async def heal(self, fault: FaultRecord, now: float) -> Healed:
        """Undo once, in a thread, with the detached healer kept out meanwhile."""
        undoing = {
            **fault.undo,
            "lands_until": fault.lands_until,
            "returned": fault.inject_returned_at is not None,
        }
        if fault.inject_started_at is None:
            # The call was never begun: nothing can land any more.
            undoing["lands_until"] = 0.0
        return await asyncio.to_thread(self._heal, fault, undoing, now)

    def _heal(self, fault: FaultRecord, undoing: Mapping[str, Any], now: float) -> Healed:
        path = self.file(fault.id)
        if not path.parent.exists():
            return undo.heal(undoing, now)
        with sentinel.alone(path):
            found = undo.heal(undoing, now)
            before = sentinel.read(path) or {}
        if found.final and not found.did and before.get("recorded_at") == fault.recorded_at:
            return _earlier(before) or found
        return found

    def tidy(self, keep: frozenset[int]) -> None:
        """Remove the files of faults that are over."""
        for path in self._folder.glob("fault-*.json*"):
            number = path.name.removeprefix("fault-").partition(".")[0]
            if number.isdigit() and int(number) not in keep:
                content = sentinel.read(path) if path.suffix == ".json" else None
                if content is None or content.get("state") == sentinel.VERIFIED:
                    path.unlink(missing_ok=True)


def _earlier(content: Mapping[str, Any]) -> Healed | None:
    """What the detached healer did before us, if it found something to undo and saw it undone."""
    attempts = [one for one in content.get("attempts", ()) if isinstance(one, dict)]
    did = tuple(str(what) for one in attempts for what in one.get("did", ()))
    seen = [float(one["at"]) for one in attempts if one.get("ending") in undo.FINAL]
    if not did or not seen:
        return None
    return Healed(undo.HEALED, "the detached healer did it", did, seen[0])
