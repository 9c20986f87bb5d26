"""Which real parts this machine has: a test that needs a missing one is skipped with the reason.

REQUIRE=docker,prometheus,... (as CI sets it) turns such a skip into a failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest


def _binary(*names: str) -> Callable[[], str]:
    def find() -> str:
        if any(shutil.which(n) or Path(n).exists() for n in names):
            return ""
        return f"{names[0]} is not installed"

    return find


def _docker() -> str:
    if not shutil.which("docker"):
        return "docker is not installed"
    asked = subprocess.run(["docker", "info"], capture_output=True, timeout=20, check=False)
    return "" if asked.returncode == 0 else "no Docker engine answers"


def postgres_bin() -> Path | None:
    """The folder of PostgreSQL's server programs, newest first."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    if installed:
        return installed[0].parent
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


_PARTS: dict[str, Callable[[], str]] = {
    "docker": _docker,
    "prometheus": _binary("prometheus"),
    "alertmanager": _binary("prometheus-alertmanager", "alertmanager"),
    "postgres": lambda: "" if postgres_bin() else "PostgreSQL's server is not installed",
    "chromium": _binary("/usr/bin/chromium", "chromium"),
    "compose": _binary("docker-compose"),
    "etcd": lambda: _binary("etcd")() or _binary("etcdctl")(),
}


@cache
def missing(part: str) -> str:
    """Why the part cannot be used here; "" if it can."""
    return _PARTS[part]()


def required() -> set[str]:
    """The parts that must not be missing on this machine."""
    return {p for p in os.environ.get("REQUIRE", "").split(",") if p}


def require(part: str) -> None:
    """Skip the test, with the reason, when the part is missing; fail if it is required."""
    if reason := missing(part):
        if part in required():
            pytest.fail(f"{part} is required here, but {reason}")
        pytest.skip(f"needs {part}: {reason}")
