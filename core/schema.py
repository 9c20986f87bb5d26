"""The tables. Times are seconds since the epoch (UTC, double precision); JSON is text.

What must not happen, the database refuses: one open ticket per fingerprint, one anchor per channel
and reference, one answer per request.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)

VERSION = "0002"
"""The migration that this code expects; a database from a newer one is refused."""

metadata = MetaData()

# SQLite gives rowid semantics (and never reuses an id with AUTOINCREMENT) only to INTEGER.
Id = BigInteger().with_variant(Integer, "sqlite")

# One row: who holds the database. `epoch` fences whoever held it before.
holder = Table(
    "holder",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("since", Double, nullable=False),
)

# The last number given out, by name, so that numbers can be handed out in blocks.
counters = Table(
    "counters",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

# Every subject ever watched: when first and last, and what it carries over a restart.
subjects = Table(
    "subjects",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("kind", String(64), nullable=False),
    Column("first_seen_at", Double, nullable=False),
    Column("last_tick_at", Double, nullable=False),
    Column("removed_at", Double),
    Column("carry", Text, nullable=False),
)

# Violations that have not lasted their hold time yet.
conditions = Table(
    "conditions",
    metadata,
    Column("fingerprint", String(512), primary_key=True),
    Column("subject", String(255), nullable=False),
    Column("since", Double, nullable=False),
    Column("last_at", Double, nullable=False),
    Column("broken_for_s", Double, nullable=False),
    Index("conditions_subject", "subject"),
)

# One row an episode of a violation; the row holds facts, its status is computed from them.
tickets = Table(
    "tickets",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("subject", String(255), nullable=False),
    Column("invariant", String(64), nullable=False),
    Column("entity", String(255), nullable=False),
    Column("fingerprint", String(512), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("title", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("opened_at", Double, nullable=False),
    Column("last_seen_at", Double, nullable=False),
    Column("seen_period_s", Double, nullable=False),
    Column("count", Integer, nullable=False),
    Column("healthy_since", Double),
    Column("healthy_at", Double),
    Column("healthy_for_s", Double, nullable=False, server_default=text("0")),
    Column("acknowledged_at", Double),
    Column("acknowledged_by", Text),
    Column("held_at", Double),
    Column("held_by", Text),
    Column("held_until", Double),
    Column("held_until_healthy", Boolean, nullable=False, server_default=text("false")),
    Column("hold_reason", Text),
    Column("diagnosed_at", Double),
    Column("resolved_at", Double),
    Column("resolved_by", Text),
    Column("resolution", String(16)),
    Column("resolve_reason", Text),
    Column("shut", Boolean, nullable=False, server_default=text("false")),
    Column("flap_count", Integer, nullable=False, server_default=text("0")),
    Column("reopened_at", Double),
    Column("previous_id", BigInteger),
    Column("explained_by", BigInteger),
    Column("adopted", Boolean, nullable=False, server_default=text("false")),
    Column("reminded_at", Double),
    Column("version", Integer, nullable=False, server_default=text("1")),
    CheckConstraint("severity in ('info','warning','critical')", name="tickets_severity"),
    CheckConstraint(
        "resolution is null or resolution in ('recovered','manual','removed')",
        name="tickets_resolution",
    ),
    CheckConstraint("(resolved_at is null) = (resolution is null)", name="tickets_resolved"),
    CheckConstraint("(held_at is null) = (held_by is null)", name="tickets_held"),
)
Index(
    "tickets_one_open",
    tickets.c.fingerprint,
    unique=True,
    sqlite_where=tickets.c.resolved_at.is_(None),
    postgresql_where=tickets.c.resolved_at.is_(None),
)
Index("tickets_fingerprint", tickets.c.fingerprint, tickets.c.id)
Index("tickets_subject_open", tickets.c.subject, tickets.c.resolved_at)
# Of what few rows have, only those rows: a new ticket is in neither.
Index(
    "tickets_resolved_at",
    tickets.c.resolved_at,
    sqlite_where=tickets.c.resolved_at.is_not(None),
    postgresql_where=tickets.c.resolved_at.is_not(None),
)
Index(
    "tickets_explained_by",
    tickets.c.explained_by,
    sqlite_where=tickets.c.explained_by.is_not(None),
    postgresql_where=tickets.c.explained_by.is_not(None),
)

# What happened, in the order in which it was committed; everything downstream follows this.
events = Table(
    "events",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("at", Double, nullable=False),
    Column("kind", String(64), nullable=False),
    Column("subject", String(255)),
    Column("ticket_id", BigInteger),
    Column("actor", Text),
    Column("data", Text, nullable=False),
    Index("events_ticket", "ticket_id", "id"),
    sqlite_autoincrement=True,
)

cursors = Table(
    "cursors",
    metadata,
    Column("consumer", String(64), primary_key=True),
    Column("event_id", BigInteger, nullable=False),
)

# Every human request by what survives redelivery, with the answer that it got: dedup and audit.
requests = Table(
    "requests",
    metadata,
    Column("id", String(255), primary_key=True),
    Column("at", Double, nullable=False),
    Column("actor", Text, nullable=False),
    Column("verb", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("outcome", String(32), nullable=False),
    Column("answer", Text, nullable=False),
    Index("requests_at", "at"),
)

# Intended effects outside the process, from intent to proof.
outbox = Table(
    "outbox",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("seq", Id, nullable=False),
    Column("team", String(64), nullable=False),
    Column("channel", String(255), nullable=False),
    Column("ref", String(255), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("parent_key", String(64)),
    Column("source_event", BigInteger),
    Column("generation", Integer, nullable=False, server_default=text("0")),
    Column("data", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("wanted", Integer, nullable=False, server_default=text("1")),
    Column("done", Integer, nullable=False, server_default=text("0")),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("created_at", Double, nullable=False),
    Column("due_at", Double, nullable=False),
    Column("started_at", Double),
    Column("epoch", BigInteger),
    Column("ts", String(64)),
    Column("sent_at", Double),
    Column("shown", String(64)),
    Column("error", Text),
    CheckConstraint(
        "state in ('pending','sending','ambiguous','sent','parked')", name="outbox_state"
    ),
    Index("outbox_ref", "ref", "kind"),
    Index("outbox_channel", "channel", "kind", "created_at"),
    Index("outbox_ts", "ts"),
)
Index(
    "outbox_due",
    outbox.c.channel,
    outbox.c.priority,
    outbox.c.due_at,
    sqlite_where=outbox.c.state.in_(("pending", "ambiguous", "sending")),
    postgresql_where=outbox.c.state.in_(("pending", "ambiguous", "sending")),
)

# Where each ticket is told: a card of its own, or folded into a storm, an adoption or an episode.
placements = Table(
    "placements",
    metadata,
    Column("ticket_id", BigInteger, primary_key=True, autoincrement=False),
    Column("channel", String(255), nullable=False),
    Column("place", String(16), nullable=False),
    Column("ref", String(255), nullable=False),
    Column("at", Double, nullable=False),
    CheckConstraint("place in ('card','storm','adoption','episode')", name="placements_place"),
    Index("placements_ref", "ref"),
    Index("placements_channel_at", "channel", "place", "at"),
)

# Messages that gather many tickets: storms and adoptions.
gatherings = Table(
    "gatherings",
    metadata,
    Column("ref", String(255), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("channel", String(255), nullable=False),
    Column("subject", String(255)),
    Column("opened_at", Double, nullable=False),
    Column("last_at", Double, nullable=False),
    Column("closed_at", Double),
    Column("data", Text, nullable=False),
    Index("gatherings_channel", "channel", "kind", "closed_at"),
)

# Channels that cannot be delivered to, and why.
parked_channels = Table(
    "parked_channels",
    metadata,
    Column("channel", String(255), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("since", Double, nullable=False),
    Column("checked_at", Double, nullable=False),
)

# Announced quiet: keeps observing and ticketing, gates notification. `subject` null means all.
maintenance = Table(
    "maintenance",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("subject", String(255)),
    Column("started_at", Double, nullable=False),
    Column("until", Double, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("ended_at", Double),
    Index("maintenance_ended", "ended_at"),
    sqlite_autoincrement=True,
)

# When each piece of cron work is due next.
due = Table(
    "due",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("cron", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("next_at", Double, nullable=False),
    Column("last_at", Double),
    Column("data", Text, nullable=False),
)

# Settings that people change while it runs ("/monitor interval 10s").
settings = Table(
    "settings",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("value", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", Double, nullable=False),
)
