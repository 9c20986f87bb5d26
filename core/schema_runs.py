"""The tables of runs: durable work that ends, the harm that it did on purpose, and what it left to read."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    text,
)

from core.schema import Id, metadata

LIVE = ("created", "claimed", "active")

# One row a run; `data` is what its kind keeps, `stage` where inside it is, `trial` the key of the
# campaign's trial that it is.
runs = Table(
    "runs",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("kind", String(32), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("name", String(128), nullable=False),
    Column("target", String(255), nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("trial", String(64), nullable=False, server_default=text("''")),
    Column("state", String(16), nullable=False),
    Column("stage", String(32), nullable=False, server_default=text("''")),
    Column("outcome", String(16)),
    Column("created_at", Double, nullable=False),
    Column("claimed_at", Double),
    Column("active_at", Double),
    Column("finished_at", Double),
    Column("archived_at", Double),
    Column("reported_at", Double),
    Column("due_at", Double, nullable=False),
    Column("abort_at", Double),
    Column("abort_by", Text),
    Column("abort_reason", Text),
    Column("data", Text, nullable=False),
    Column("version", Integer, nullable=False, server_default=text("1")),
    CheckConstraint(
        "state in ('created','claimed','active','finished','archived','reported')",
        name="runs_state",
    ),
    CheckConstraint(
        "outcome is null or outcome in ('succeeded','failed','aborted','refused','unknown')",
        name="runs_outcome",
    ),
    Index("runs_subject", "subject", "id"),
    sqlite_autoincrement=True,
)
Index(
    "runs_one_live_experiment",
    runs.c.subject,
    unique=True,
    sqlite_where=(runs.c.kind == "chaos") & runs.c.state.in_(LIVE),
    postgresql_where=(runs.c.kind == "chaos") & runs.c.state.in_(LIVE),
)

# Harm done on purpose, recorded before it is done. Verified = seen in the state from before.
faults = Table(
    "faults",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("run_id", BigInteger, nullable=False),
    Column("subject", String(255), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("driver", String(16), nullable=False),
    Column("entity", String(255), nullable=False),
    Column("target", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("undo", Text, nullable=False),
    Column("recorded_at", Double, nullable=False),
    Column("armed_at", Double),
    Column("inject_started_at", Double),
    Column("inject_returned_at", Double),
    Column("lands_until", Double, nullable=False),
    Column("heal_by", Double, nullable=False),
    Column("heal_started_at", Double),
    Column("verified_at", Double),
    Column("ending", String(16)),
    Column("error", Text),
    CheckConstraint(
        "ending is null or ending in ('healed','vanished','never_landed')", name="faults_ending"
    ),
    CheckConstraint("(verified_at is null) = (ending is null)", name="faults_verified"),
    Index("faults_run", "run_id"),
    sqlite_autoincrement=True,
)
Index(
    "faults_open",
    faults.c.subject,
    sqlite_where=faults.c.verified_at.is_(None),
    postgresql_where=faults.c.verified_at.is_(None),
)

# What an ended run leaves to read: its record and pictures, with digests.
artefacts = Table(
    "artefacts",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("run_id", BigInteger, nullable=False),
    Column("name", String(128), nullable=False),
    Column("mime", String(64), nullable=False),
    Column("alt", Text, nullable=False, server_default=text("''")),
    Column("digest", String(64), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("artefacts_name", "run_id", "name", unique=True),
    sqlite_autoincrement=True,
)
