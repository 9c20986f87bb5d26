"""The tables of diagnosis: evidence frozen, what was made of it, what people thought of that, and money."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import (
    BigInteger,
    Boolean,
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

# Looks at a ticket that are due: one row a ticket and reason, kept as its state.
investigations = Table(
    "investigations",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("ticket_id", BigInteger, nullable=False),
    Column("reason", String(16), nullable=False),
    Column("due_at", Double, nullable=False),
    Column("asked_by", Text),
    Column("asked", Text, nullable=False, server_default=text("''")),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("started_at", Double),
    Column("ended_at", Double),
    Column("epoch", BigInteger),
    Column("stopped_by", Text),
    Column("error", Text),
    CheckConstraint("state in ('due','working','done','dropped')", name="investigations_state"),
    Index("investigations_ticket", "ticket_id", "id"),
    sqlite_autoincrement=True,
)
Index(
    "investigations_due",
    investigations.c.due_at,
    sqlite_where=investigations.c.state.in_(("due", "working")),
    postgresql_where=investigations.c.state.in_(("due", "working")),
)

# What time and tickets ask for is asked for once; people may ask as often as they like.
_WAITING = sa.and_(investigations.c.state == "due", investigations.c.asked_by.is_(None))
Index(
    "investigations_once",
    investigations.c.ticket_id,
    investigations.c.reason,
    unique=True,
    sqlite_where=_WAITING,
    postgresql_where=_WAITING,
)

# Frozen evidence: canonical JSON, compressed; the digest is of the JSON.
snapshots = Table(
    "snapshots",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("ticket_id", BigInteger, nullable=False),
    Column("reason", String(16), nullable=False),
    Column("taken_at", Double, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("snapshots_ticket", "ticket_id", "id"),
    sqlite_autoincrement=True,
)

# Every diagnosis ever made of a ticket; none is changed or erased. One that is not told says the
# same as the one before it. With a question, `answer` is what was said to it.
diagnoses = Table(
    "diagnoses",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("ticket_id", BigInteger, nullable=False),
    Column("snapshot_id", BigInteger, nullable=False),
    Column("investigation_id", BigInteger),
    Column("made_at", Double, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("reason", String(16), nullable=False),
    Column("cause", String(64), nullable=False),
    Column("entity", String(255), nullable=False),
    Column("certainty", String(16), nullable=False),
    Column("first_look", Boolean, nullable=False),
    Column("told", Boolean, nullable=False),
    Column("question", Text, nullable=False, server_default=text("''")),
    Column("answer", Text, nullable=False, server_default=text("''")),
    Column("seconds", Double, nullable=False),
    Column("body", Text, nullable=False),
    CheckConstraint(
        "certainty in ('confirmed','likely','inconclusive')", name="diagnoses_certainty"
    ),
    Index("diagnoses_ticket", "ticket_id", "id"),
    sqlite_autoincrement=True,
)

# What a person thought of a diagnosis: the newest word of each counts.
feedback = Table(
    "feedback",
    metadata,
    Column("diagnosis_id", BigInteger, primary_key=True, autoincrement=False),
    Column("actor", String(255), primary_key=True),
    Column("useful", Boolean, nullable=False),
    Column("at", Double, nullable=False),
)

# One row a call of a model: reserved at its highest price first, settled at what it was.
spending = Table(
    "spending",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("day", String(10), nullable=False),
    Column("at", Double, nullable=False),
    Column("subject", String(255), nullable=False),
    Column("investigation_id", BigInteger),
    Column("model", String(128), nullable=False),
    Column("input_tokens", Integer, nullable=False, server_default=text("0")),
    Column("output_tokens", Integer, nullable=False, server_default=text("0")),
    Column("cache_read_tokens", Integer, nullable=False, server_default=text("0")),
    Column("cache_write_tokens", Integer, nullable=False, server_default=text("0")),
    Column("micro_dollars", BigInteger, nullable=False),
    Column("outcome", String(32), nullable=False),
    Index("spending_day", "day"),
    sqlite_autoincrement=True,
)
