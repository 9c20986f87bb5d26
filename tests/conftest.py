"""What all tests share: real databases of both kinds, and the parts of this machine."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent.parent))

from core import migrate
from core.clock import ManualClock, SystemClock
from core.db import Database
from tests import parts

# A busy machine draws slowly, and that says nothing about the code.
settings.register_profile(
    "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("patient")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    from tests.lanes import Lanes

    return Lanes(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        from tests.lanes import rank

        items.sort(key=rank)
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
    _made: list[str] = field(default_factory=list)

    def url(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def create(self, *, migrated: bool = False) -> str:
        """The address of a new database: empty, or as the migrations leave one."""
        if migrated and not self._made:
            _migrate_now(self._new("made"))
            self._made.append("made")
        return self._new(f"t_{secrets.token_hex(6)}", *(["-T", "made"] if migrated else []))

    def _new(self, name: str, *options: str) -> str:
        # Copied as files: through the log, which is the default, it costs seven times as much.
        self._run("createdb", "--strategy=file_copy", *options, name)
        return self.url(name)

    def drop(self, url: str) -> None:
        """Give its room back, whoever is still connected."""
        self._run("dropdb", "--force", url.rpartition("?")[0].rpartition("/")[2])

    def _run(self, program: str, *words: str) -> None:
        bin_dir = parts.postgres_bin()
        assert bin_dir
        where = ["-h", self.folder, "-U", "postgres"]
        subprocess.run([bin_dir / program, *where, *words], check=True, **_as_postgres())


def _migrate_now(url: str) -> None:
    """Migrate a database from where a loop may be running already."""

    async def whole() -> None:
        database = Database.open(url, SystemClock(), lambda _, error: None, create=True)
        await migrate.migrate(database)
        await database.close()

    with ThreadPoolExecutor(1) as beside:
        beside.submit(asyncio.run, whole()).result()


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
    options += " -c full_page_writes=off"
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


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A migrated SQLite database: migrating once is enough for all tests."""
    made = tmp_path_factory.mktemp("migrated") / "tocsin.db"
    _migrate_now(str(made))
    return made.read_bytes()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def db_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database of each kind in turn: empty, unless the test has it opened."""
    if request.param == "sqlite":
        yield str(tmp_path / "state" / "tocsin.db")
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url = server.create(migrated="db" in request.fixturenames)
    yield url
    server.drop(url)


@pytest.fixture
async def db(db_url: str, clock: ManualClock, migrated_sqlite: bytes) -> AsyncIterator[Database]:
    """An open, migrated database of each kind in turn."""
    failed: list[BaseException] = []
    if not db_url.startswith("postgresql:"):
        _place(Path(db_url), migrated_sqlite)
    database = Database.open(db_url, clock, lambda _, error: failed.append(error), create=True)
    await migrate.require_current(database)
    yield database
    await database.close()


@pytest.fixture
async def sqlite_db(
    tmp_path: Path, clock: ManualClock, migrated_sqlite: bytes
) -> AsyncIterator[Database]:
    """An open, migrated SQLite database, where the kind does not matter."""
    where = tmp_path / "state" / "tocsin.db"
    _place(where, migrated_sqlite)
    database = Database.open(str(where), clock, lambda _, error: None, create=True)
    await migrate.require_current(database)
    yield database
    await database.close()


def _place(where: Path, content: bytes) -> None:
    """As opening one leaves it: its folder and its file are its owner's alone."""
    where.parent.mkdir(mode=0o700)
    where.touch(0o600)
    where.write_bytes(content)
