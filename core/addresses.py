"""Where a database is: reading its address, and refusing a file that is not ours."""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

import sqlalchemy as sa

from core.errors import Invalid, Refused, Unavailable


def parse_url(url: str) -> sa.URL:
    """A path, a sqlite:// or a postgresql:// URL, as SQLAlchemy's URL with our drivers."""
    if "://" not in url:
        return sa.URL.create("sqlite+pysqlite", database=str(Path(url).expanduser()))
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        # Not quoted: what somebody meant as a database may hold a password.
        raise Invalid(
            "That is not a database: give a file, or postgresql://user@host/name."
        ) from None
    match parsed.get_backend_name():
        case "sqlite":
            return parsed.set(drivername="sqlite+pysqlite")
        case "postgresql" | "postgres":
            return parsed.set(drivername="postgresql+asyncpg")
        case other:
            raise Invalid(f"{other} databases are not supported: use SQLite or PostgreSQL.")


def guard_file(path: Path, *, create: bool) -> None:
    """Refuse a file that is not ours; make the folder 0700 and the file 0600."""
    try:
        found = path.stat()
    except FileNotFoundError:
        if not create:
            raise Unavailable(
                f"There is no database at {path}. `tocsin serve`, `tocsin local` or "
                "`tocsin migrate` creates it."
            ) from None
        private_folder(path.parent)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        return
    except OSError as error:
        raise Unavailable(f"The database {path} cannot be opened: {error.strerror}.") from None
    if not stat.S_ISREG(found.st_mode):
        raise Unavailable(f"The database {path} is not a file.")
    if found.st_uid != os.geteuid():
        raise Refused(
            f"The database {path} belongs to {_owner(found.st_uid)}, not to you: run this as that "
            "user, or choose another file with --db."
        )


def private_folder(path: Path) -> None:
    """Make the folder, and those above it that are missing, for this user alone (0700)."""
    # `parents=True` would make those above with the ordinary mode.
    for one in (*reversed(path.parents), path):
        if not one.exists():
            one.mkdir(mode=0o700, exist_ok=True)


def _owner(uid: int) -> str:
    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user {uid}"
