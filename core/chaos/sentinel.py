"""The healer that outlives the bot: a process of its own that undoes one fault at its deadline.

    python -I sentinel.py FILE

Standard library only. Started before the fault is injected, in a session of its own, it does nothing
while the bot is there to heal, and everything if it is not. FILE says what to undo and by when; the
bot marks it verified once the fault was seen healed, and this process ends. A state that cannot be
reached (the engine is gone, PD has no leader) is tried again for a day.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    # Isolated mode knows neither the working directory nor this file's: only the project's root is added.
    sys.path.append(str(Path(__file__).resolve().parents[2]))

from core.chaos import undo

READY = "ready"
VERIFIED = "verified"
HEALED = "healed"
LOOK_S = 0.25
"""How often the file is looked at before the deadline."""
RETRY_S = (0.5, 1.0, 2.0, 5.0, 10.0)
"""Pauses between attempts after it; the last one repeats."""
TURN_S = 20.0
"""How long somebody else's attempt to heal is waited for: each of its calls is bounded."""
GIVE_UP_S = 24 * 3600.0
LINGER_S = 60.0
"""After a healing of its own it looks again for so long: a bot that was frozen between its last check
and the injection would still inject."""


def read(path: Path) -> dict[str, Any] | None:
    """What the file says, or None if it is gone."""
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError):
        return None


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Replace the file in one step, readable by its owner alone."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


@contextlib.contextmanager
def alone(path: Path, wait_s: float = TURN_S) -> Iterator[None]:
    """Nobody else heals, or says that it is healed, meanwhile.

    Whoever holds the turn may be frozen: after `wait_s` it is gone on without. Healing at the same
    time does no harm, not healing would. So, too, where there is no turn to be had (a full disk
    takes no new file).
    """
    descriptor = _lock(path.with_name(f"{path.name}.lock"))
    until = time.monotonic() + wait_s
    try:
        while descriptor is not None and not _taken(descriptor) and time.monotonic() < until:
            time.sleep(0.02)
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _lock(path: Path) -> int | None:
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    except OSError:
        return None


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


class _Asked:
    """Whether somebody asked us to end (SIGTERM, as at a shutdown): then it is healed at once."""

    def __init__(self) -> None:
        self.now = False
        signal.signal(signal.SIGTERM, self._term)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def _term(self, _number: int, _frame: object) -> None:
        self.now = True


def _over(path: Path, content: Mapping[str, Any] | None, known: Mapping[str, Any]) -> bool:
    """Whether nothing is left to do. A file that cannot be read just now is no reason to end, nor
    is one that tells of another fault (a new database counts from 1 again)."""
    if content is None:
        return not path.exists()
    return _ours(content, known) and content.get("state") == VERIFIED


def _ours(content: Mapping[str, Any] | None, known: Mapping[str, Any]) -> bool:
    return content is not None and content.get("recorded_at") == known.get("recorded_at")


def guard(path: Path, known: dict[str, Any], asked: _Asked) -> None:
    """Wait for the deadline and heal. `known` is what the file said at the start.

    The deadline is held against both clocks: neither a wall clock that is set back nor a suspended
    machine may put it off.
    """
    heal_by = float(known["heal_by"])
    deadline = time.monotonic() + heal_by - time.time()
    while not (asked.now or time.time() >= heal_by or time.monotonic() >= deadline):
        if _over(path, read(path), known):
            return
        time.sleep(LOOK_S)
    _heal(path, known, asked)


def _heal(path: Path, known: dict[str, Any], asked: _Asked) -> None:
    attempt = 0
    until = time.monotonic() + GIVE_UP_S
    while time.monotonic() < until:
        with alone(path):
            content = read(path)
            if _over(path, content, known):
                return
            ours = content is not None and _ours(content, known)
            said = dict(content) if content is not None and ours else known
            found = undo.heal(said["undo"], time.time())
            if content is None or ours:
                _note(path, said, found)
        if found.final and (asked.now or not (content is None or ours)):
            return
        if found.final:
            until = min(until, time.monotonic() + LINGER_S)
        time.sleep(RETRY_S[min(attempt, len(RETRY_S) - 1)])
        attempt += 1


def _note(path: Path, content: dict[str, Any], found: undo.Healed) -> None:
    said = {"at": time.time(), "ending": found.ending, "why": found.why, "did": list(found.did)}
    if found.did or content.get("ending") != found.ending:
        content["attempts"] = [*content.get("attempts", []), said][-20:]
    content["ending"] = found.ending
    if found.final:
        content["state"] = HEALED
    with contextlib.suppress(OSError):
        write(path, content)


def detach() -> None:
    """Leave whoever started us: a session of our own, and a parent that nobody waits for."""
    if os.fork() > 0:
        os._exit(0)
    os.setsid()


def main() -> int:
    """Load the healer, say so, and guard."""
    path = Path(sys.argv[1]).resolve()
    content = read(path)
    if content is None:
        sys.stderr.write(f"{path} cannot be read\n")
        return 1
    try:
        undo.healer(content["undo"])
    except (KeyError, ImportError) as error:
        sys.stderr.write(f"there is no healer for {path}: {error}\n")
        return 1
    detach()
    os.chdir("/")
    # Before it says that it is ready: from then on nothing but SIGKILL ends it early.
    asked = _Asked()
    sys.stdout.write(f"{READY} {os.getpid()}\n")
    sys.stdout.flush()
    quiet = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(quiet, stream)
    guard(path, content, asked)
    return 0


if __name__ == "__main__":
    sys.exit(main())
