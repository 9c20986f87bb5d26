"""A migrated database is the one that the code expects."""

from __future__ import annotations

from collections.abc import AsyncIterator

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
