"""No secret is kept: what sources say is cleaned before it reaches the database."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from core.clock import ManualClock
from core.db import Database
from core.diagnosis import store
from core.diagnosis.evidence import About
from core.diagnosis.pieces import Filing
from tests.core.diagnosis.bench import ANA, Explained, diagnosing
from tests.core.diagnosis.secrets_planted import PLANTED


class Leaky(Explained):
    """A subject whose log, labels and errors hold a secret."""

    said = ""

    async def explain(self, about: About, filing: Filing) -> None:
        await super().explain(about, filing)
        lines = [{"at": about.taken_at, "level": "ERROR", "text": self.said}]
        filing.add("log", "store:1", {"lines": lines, "quiet_s": 1.0}, source="log of store:1")
        filing.add("store", "store:2", {"now": {"labels": {"note": self.said}}}, source="/stores")
        filing.add("pd", "pd", None, source="/config", failed=f"refused: {self.said}")


def kept(database: str) -> Iterator[bytes]:
    """Every value of every table, unpacked where it is packed."""
    with closing(sqlite3.connect(database)) as db:
        tables = [row[0] for row in db.execute("select name from sqlite_master where type='table'")]
        for table in tables:
            for row in db.execute(f"select * from {table}"):
                for value in row:
                    raw = value if isinstance(value, bytes) else str(value).encode()
                    yield raw
                    with suppress(zlib.error):
                        yield zlib.decompress(raw)


# "known" is a secret without a form of its own: only whoever holds it, Claude's side, can know it.
@pytest.mark.parametrize("kind", [one for one in PLANTED if one != "known"])
async def test_a_planted_secret_is_not_in_the_database(
    sqlite_db: Database, clock: ManualClock, kind: str
) -> None:
    secret, template = PLANTED[kind]
    async with diagnosing(sqlite_db, clock) as bench:
        leaky = Leaky(clock)
        leaky.said = template.format(secret)
        bench.worker.means.subjects["prod"] = leaky
        ticket = await bench.open()
        await bench.idle()
        assert leaky.explained == 1
        await bench.db.write(store.ask, ticket, ANA, f"What is {leaky.said}?")
        await bench.idle()
        found = list(kept(str(sqlite_db.url.database)))
    assert any(b"refused:" in one for one in found), "the evidence is there to be looked through"
    assert not [one for one in found if secret.encode() in one]
