"""Bringing a database to the form that this code expects, with a backup before each change.

Only the holder migrates. Everybody else checks, and refuses a database that is older (not migrated
yet) or newer (written by a later release) than the code.
"""

from __future__ import annotations

import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa

from core import schema, schema_diagnosis, schema_people, schema_runs
from core.db import Database, Tx
from core.errors import Refused, Unavailable

TABLES = (schema, schema_diagnosis, schema_people, schema_runs)
"""Every module that declares tables: importing them fills the one metadata."""


def version(tx: Tx) -> str | None:
    """The migration that the database is at; None for an empty one."""
    if not sa.inspect(tx.conn).has_table("alembic_version"):
        return None
    found = tx.value(sa.text("SELECT version_num FROM alembic_version"))
    return None if found is None else str(found)


async def require_current(db: Database) -> None:
    """Refused unless the database is exactly at this code's version."""
    found = await db.read(version)
    if found == schema.VERSION:
        return
    if found is None:
        raise Unavailable(
            f"{shown(db)} is empty. `tocsin serve`, `tocsin local` or `tocsin migrate` prepares it."
        )
    _refuse_newer(db, found)
    raise Unavailable(
        f"{shown(db)} is at version {found} and needs {schema.VERSION}: run `tocsin migrate`."
    )


async def migrate(db: Database) -> str | None:
    """Bring the database up to date; call only as the holder.

    Returns the path of the backup that was made before, if there was anything to back up.
    Refused for a database written by a newer release.
    """
    found = await db.read(version)
    if found == schema.VERSION:
        return None
    if found is None:
        await db.write(_create)
        return None
    _refuse_newer(db, found)
    saved = await _save(db, found)
    await db.write(_upgrade)
    return saved


def _refuse_newer(db: Database, found: str) -> None:
    if found > schema.VERSION:
        raise Refused(
            f"{shown(db)} was written by a newer release (version {found}; this one knows "
            f"{schema.VERSION}). Upgrade tocsin, or restore an older backup."
        )


def _create(tx: Tx) -> None:
    """A new database, at once in its newest form: loading the migrations takes a quarter second and
    20 MB. A test holds the two ways equal."""
    schema.metadata.create_all(tx.conn)
    tx.run(sa.text("CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) NOT NULL)"))
    tx.run(
        sa.text("INSERT INTO alembic_version VALUES (:version)").bindparams(version=schema.VERSION)
    )


def _upgrade(tx: Tx, to: str = "head") -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = tx.conn
    command.upgrade(config, to)


async def _save(db: Database, found: str) -> str | None:
    if not db.is_sqlite:
        # PostgreSQL migrations run in one transaction; backups are its operator's (pg_dump).
        return None
    stamp = datetime.fromtimestamp(db.clock.now().timestamp(), UTC).strftime("%Y%m%d-%H%M%S")
    target = Path(f"{db.url.database}.before-{schema.VERSION}-from-{found}-{stamp}.bak")
    await backup(db, target)
    return str(target)


async def backup(db: Database, target: Path) -> int:
    """Copy the database to `target` while it is in use; its size in bytes.

    The copy is one consistent snapshot. Refused when `target` exists; on PostgreSQL it names
    pg_dump, which does this better.
    """
    if not db.is_sqlite:
        raise Refused("Back up PostgreSQL with its own pg_dump.")
    import asyncio

    try:
        return await asyncio.to_thread(_copy, str(db.url.database), target)
    except FileExistsError:
        raise Refused(f"{target} exists already; nothing was overwritten.") from None
    except (sqlite3.Error, OSError) as error:
        raise Unavailable(f"The backup could not be written: {error}.") from error


def _copy(source: str, target: Path) -> int:
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    # VACUUM INTO reads one snapshot and never blocks writers; backup() restarts on each write.
    reading = sqlite3.connect(f"file:{quote(source)}?mode=ro", uri=True, timeout=10)
    try:
        reading.execute("VACUUM INTO ?", (str(target),))
        return target.stat().st_size
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    finally:
        reading.close()


def shown(db: Database) -> str:
    """The database as a person may see it: never with a password."""
    if db.is_sqlite:
        return f"The database {db.url.database}"
    return (
        f"The database {db.url.set(drivername='postgresql').render_as_string(hide_password=True)}"
    )
