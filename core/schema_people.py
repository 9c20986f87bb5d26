"""The table of people: how those who changed something are called, for whoever cannot ask Slack."""

from __future__ import annotations

from sqlalchemy import Column, Double, Index, String, Table, Text

from core.schema import metadata

# `actor` as in tickets ("slack:U1"); `at` when the name was heard last.
people = Table(
    "people",
    metadata,
    Column("actor", String(255), primary_key=True),
    Column("name", Text, nullable=False),
    Column("at", Double, nullable=False),
    Index("people_at", "at"),
)
