"""Figures as tables: each beside its floor and its aim, with the machine's load at the time."""

from __future__ import annotations

import logging
import os
import platform
import sqlite3
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import structlog


@contextmanager
def quietly() -> Iterator[None]:
    """Log lines go nowhere: a terminal's speed is not measured here."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.reset_defaults()


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that so large a share of all values does not exceed."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def load() -> str:
    one, five, _ = os.getloadavg()
    return f"load {one:.1f} (1 min), {five:.1f} (5 min)"


def machine() -> str:
    """What all figures of a run were measured on."""
    return (
        f"{os.cpu_count()} cores, {platform.freedesktop_os_release()['PRETTY_NAME']}, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    )


def rss_mb(pid: int) -> float:
    """Resident memory of a process, in MB."""
    return rss_in(Path(f"/proc/{pid}/status").read_text())


def rss_in(status: str) -> float:
    """Resident memory as /proc/.../status tells it, in MB."""
    for line in status.splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def show(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print one table, its first column to the left."""
    listed = [list(head), *(list(row) for row in rows)]
    widths = [max(len(row[n]) for row in listed) for n in range(len(head))]
    print(f"\n{title}\n  {machine()}; {load()}")
    for number, row in enumerate(listed):
        first, *rest = (
            cell.ljust(widths[0]) if not n else cell.rjust(widths[n]) for n, cell in enumerate(row)
        )
        print("  " + "  ".join([first, *rest]))
        if number == 0:
            print("  " + "  ".join("-" * width for width in widths))
