"""A migrated database is the one that the code expects."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from core import migrate, schema
from core.clock import ManualClock
from core.db import Database, Tx
from core.errors import Refused, Unavailable


def _differences(tx: Tx) -> list[object]:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    return compare_metadata(MigrationContext.configure(tx.conn), schema.metadata)


def _checks(tx: Tx) -> set[str]:
    found = set()
    for table in schema.metadata.tables:
        found |= {str(c["name"]) for c in sa.inspect(tx.conn).get_check_constraints(table)}
    return found


@pytest.fixture
async def migrated(db_url: str, clock: ManualClock) -> AsyncIterator[Database]:
    """A database that was built by running every migration."""
    database = Database.open(db_url, clock, lambda *_: None, create=True)
    await database.write(migrate._upgrade)
    yield database
    await database.close()


async def test_migrations_build_exactly_the_tables_of_the_schema(migrated: Database) -> None:
    db = migrated
    assert await db.read(_differences) == []
    assert await db.read(migrate.version) == schema.VERSION
    wanted = {
        str(c.name)
        for t in schema.metadata.tables.values()
        for c in t.constraints
        if isinstance(c, sa.CheckConstraint) and c.name
    }
    assert wanted <= await db.read(_checks)


async def test_migrating_twice_changes_nothing(db: Database) -> None:
    assert await migrate.migrate(db) is None
    await migrate.require_current(db)


async def test_a_database_of_a_newer_release_is_refused_by_everybody(db: Database) -> None:
    def pretend(tx: Tx) -> None:
        tx.run(sa.text("UPDATE alembic_version SET version_num = '9999'"))

    await db.write(pretend)

    with pytest.raises(Refused, match="newer release"):
        await migrate.migrate(db)
    with pytest.raises(Refused, match="newer release"):
        await migrate.require_current(db)


async def test_an_empty_database_is_not_used_before_it_is_prepared(
    db_url: str, clock: ManualClock
) -> None:
    database = Database.open(db_url, clock, lambda *_: None, create=True)

    with pytest.raises(Unavailable, match="tocsin migrate"):
        await migrate.require_current(database)
    await database.close()


async def test_a_new_database_is_like_a_migrated_one(db: Database) -> None:
    assert await db.read(_differences) == []
    assert await db.read(migrate.version) == schema.VERSION


TICKET: dict[str, object] = {
    "id": 7, "subject": "prod", "invariant": "store_down", "entity": "store:4",
    "fingerprint": "prod/store_down/store:4", "severity": "critical", "title": "Store 4 is down",
    "summary": "", "detail": "{}", "opened_at": 1.0, "last_seen_at": 2.0, "seen_period_s": 0.5, "count": 3,
}  # fmt: skip


async def test_an_earlier_database_keeps_its_rows_and_is_saved_before(
    db_url: str, clock: ManualClock
) -> None:
    database = Database.open(db_url, clock, lambda *_: None, create=True)
    try:
        await database.write(migrate._upgrade, "0001")
        await database.write(_put, TICKET)
        with pytest.raises(Unavailable, match="is at version 0001 and needs"):
            await migrate.require_current(database)

        saved = await migrate.migrate(database)

        await migrate.require_current(database)
        assert await database.read(_differences) == []
        assert await database.read(_got) == TICKET
    finally:
        await database.close()
    assert (saved is not None) == database.is_sqlite
    if saved is not None:
        await _is_as_it_was(saved, clock)


async def _is_as_it_was(saved: str, clock: ManualClock) -> None:
    assert "before-" in saved
    assert "from-0001" in saved
    assert stat.S_IMODE(Path(saved).stat().st_mode) == 0o600
    backup = Database.open(saved, clock, lambda *_: None)
    try:
        assert await backup.read(migrate.version) == "0001"
        assert await backup.read(_got) == TICKET
    finally:
        await backup.close()


def _put(tx: Tx, row: dict[str, object]) -> None:
    tx.run(sa.insert(schema.tickets).values(row))


def _got(tx: Tx) -> dict[str, object]:
    row = tx.conn.execute(sa.select(*(schema.tickets.c[name] for name in TICKET))).mappings().one()
    return dict(row)
