"""What all tests share: real databases of both kinds, and the parts of this machine."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent.parent))

from core import migrate
from core.clock import ManualClock
from core.db import Database
from tests import parts

# A busy machine draws slowly, and that says nothing about the code.
settings.register_profile(
    "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("patient")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for mark in item.iter_markers():
            if mark.name in (
                "docker",
                "prometheus",
                "postgres",
                "chromium",
                "etcd",
                "alertmanager",
            ):
                item.add_marker(pytest.mark.usefixtures(f"needs_{mark.name}"))


@pytest.fixture
def needs_docker() -> None:
    parts.require("docker")


@pytest.fixture
def needs_prometheus() -> None:
    parts.require("prometheus")


@pytest.fixture
def needs_postgres() -> None:
    parts.require("postgres")


@pytest.fixture
def needs_chromium() -> None:
    parts.require("chromium")


@pytest.fixture
def needs_etcd() -> None:
    parts.require("etcd")


@pytest.fixture
def needs_alertmanager() -> None:
    parts.require("alertmanager")


def _as_postgres() -> dict[str, object]:
    """PostgreSQL refuses to run as root: then it runs as the user that its package made."""
    return {"user": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}


@dataclass(frozen=True)
class PostgresServer:
    """A server of our own on a socket in a folder of its own."""

    folder: Path

    def url(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def create(self) -> str:
        name = f"t_{secrets.token_hex(6)}"
        bin_dir = parts.postgres_bin()
        assert bin_dir
        subprocess.run(
            [bin_dir / "createdb", "-h", self.folder, "-U", "postgres", name],
            check=True,
            **_as_postgres(),
        )
        return self.url(name)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    parts.require("postgres")
    bin_dir = parts.postgres_bin()
    assert bin_dir
    folder = Path(tempfile.mkdtemp(prefix="tocsin-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    data = folder / "data"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT, **_as_postgres()}
    subprocess.run(
        [bin_dir / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-N"], check=True, **quiet
    )
    options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
    control = [bin_dir / "pg_ctl", "-D", data, "-w"]
    subprocess.run([*control, "-o", options, "-l", folder / "log", "start"], check=True, **quiet)
    try:
        yield PostgresServer(folder)
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=False, **quiet)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def db_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        return str(tmp_path / "state" / "tocsin.db")
    return request.getfixturevalue("postgres_server").create()


@pytest.fixture
async def db(db_url: str, clock: ManualClock) -> AsyncIterator[Database]:
    """An open, migrated database of each kind in turn."""
    failed: list[BaseException] = []
    database = Database.open(db_url, clock, lambda _, error: failed.append(error), create=True)
    await migrate.migrate(database)
    yield database
    await database.close()


@pytest.fixture
async def sqlite_db(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Database]:
    """An open, migrated SQLite database, where the kind does not matter."""
    url = str(tmp_path / "state" / "tocsin.db")
    database = Database.open(url, clock, lambda _, error: None, create=True)
    await migrate.migrate(database)
    yield database
    await database.close()
