"""Opening the configured database, and saying what goes wrong behind everybody's back."""

from __future__ import annotations

import structlog

from core.clock import Clock
from core.config import Config
from core.db import Database

log = structlog.get_logger()


def failed(name: str, error: BaseException) -> None:
    """A background task ended with an error that nobody waited for."""
    log.error("a background task failed", action="task", task=name, exc_info=error)


def open_database(config: Config, clock: Clock, *, create: bool = False) -> Database:
    """The configured database, not yet looked into."""
    return Database.open(config.database, clock, failed, create=create)
