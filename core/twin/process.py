"""What a process of the twin is to the outside: pid with start time, arguments, signals, owner."""

from __future__ import annotations

import argparse
import asyncio
import os
import select
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

from core.twin.clock import sleep
from core.twin.spec import Spec, load

OWNER_CHECK_S = 0.5


def start_time(pid: int) -> str | None:
    """The kernel's start time of a process, or None when there is none (or only a zombie)."""
    try:
        raw = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return _start_by_ps(pid) if not Path("/proc/self").exists() else None
    fields = raw.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else fields[19]


def is_stopped(pid: int) -> bool:
    """Is the process stopped by SIGSTOP?"""
    try:
        raw = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return _ps(pid, "state=").startswith("T")
    return raw.rpartition(")")[2].split()[0] == "T"


def _start_by_ps(pid: int) -> str | None:
    return _ps(pid, "lstart=") or None


def _ps(pid: int, column: str) -> str:
    made = subprocess.run(
        ["/bin/ps", "-o", column, "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return made.stdout.strip()


def same(pid: int, started: str) -> bool:
    """Is this pid still the process that we started?"""
    return start_time(pid) == started


def send(pid: int, started: str, number: signal.Signals) -> bool:
    """Signal the process only when pid and start time both match; False when it is gone."""
    if not same(pid, started):
        return False
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def wait_gone(pid: int, limit_s: float) -> None:
    """Block until a killed process has ended, at most `limit_s` seconds (SIGKILL takes some ms)."""
    try:
        descriptor = os.pidfd_open(pid)
    except (AttributeError, OSError):
        return  # gone already, or no Linux: the next look will tell
    try:
        select.select([descriptor], [], [], limit_s)
    finally:
        os.close(descriptor)


def arguments(
    kind: str, serve: Callable[[argparse.Namespace, Spec], Coroutine[Any, Any, None]]
) -> int:
    """Parse the command line of one process and run it; returns the exit status."""
    parser = argparse.ArgumentParser(prog=f"python -m core.twin.{kind}")
    parser.add_argument("--dir", required=True, help="state directory with layout.json")
    parser.add_argument("--name", required=True, help=f"which {kind} of the layout")
    parser.add_argument("--owner", help="PID:START; end when that process is gone")
    args = parser.parse_args()
    os.umask(0o077)
    try:
        spec = load(Path(args.dir))
    except (OSError, ValueError) as error:
        parser.error(f"no usable layout in {args.dir}: {error}")
    try:
        asyncio.run(serve(args, spec))
    except OSError as error:
        sys.stderr.write(f"{args.name}: {error}\n")
        return 1
    return 0


async def run_until_signal(
    work: Coroutine[Any, Any, None],
    owner: str | None,
    before_end: Callable[[int], Awaitable[None]] | None = None,
) -> int:
    """Run until SIGTERM or SIGINT, until the work ends, or until the owner is gone.

    `before_end` runs after a signal, while the work still goes on. Returns the signal or 0.
    """
    got: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def arrived(number: int) -> None:
        if not got.done():
            got.set_result(number)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, arrived, int(number))
    tasks: set[asyncio.Future[Any]] = {asyncio.ensure_future(work), got}
    if owner:
        tasks.add(asyncio.ensure_future(_outlive(owner)))
    done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    if got in done and before_end is not None:
        await before_end(got.result())
    for task in rest:
        task.cancel()
    for task in done:
        task.result()
    return got.result() if got in done else 0


async def _outlive(owner: str) -> None:
    pid, _, started = owner.partition(":")
    while same(int(pid), started):
        await sleep(OWNER_CHECK_S)
