"""Slack takes one message a second: a hundred that must arrive.

Each call is counted, those that Slack refuses as well. The floor is arithmetic: a hundred messages
at one a second take 99 s and a hundred calls.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.local.cast import Limits
from core import outbox
from core.db import Tx
from core.outbox import Effect
from tests.bench.figures import quietly, show
from tests.flows.rig import CHANNEL, rig

MANY = 100
pytestmark = pytest.mark.bench


def _intend(tx: Tx, team: str) -> None:
    for number in range(MANY):
        data = {"subject": "prod", "from": float(number), "to": float(number + 60)}
        outbox.post(tx, Effect(team, CHANNEL, "subject:prod", "gap", source_event=number + 1,
                               data=data))  # fmt: skip


@pytest.mark.timeout(300)
async def test_paced(tmp_path: Path) -> None:
    limits = Limits(post_per_s=1.0, post_burst=1, posts_per_min=100_000.0)
    with quietly():
        async with rig(tmp_path, limits=limits) as r:
            began = r.ws.state.clock.monotonic()
            await r.db.write(_intend, r.ws.state.team_id)
            await r.ws.until(lambda: len(r.posts()) >= MANY, 200.0)
            await r.idle()
            calls = r.ws.calls("chat.postMessage")
            took = max(c.at + c.seconds for c in calls) - began
            keys = [m.metadata["event_payload"]["key"] for m in r.posts() if m.metadata]
    refused = sum(c.status == 429 for c in calls)
    assert len(set(keys)) == len(keys) == MANY
    rows = [
        ("arrived", f"{len(keys)}", f"{MANY}", f"{MANY}"),
        ("twice", f"{len(keys) - len(set(keys))}", "0", "0"),
        ("calls", f"{len(calls)}", f"{MANY}", "<= 102"),
        ("refused (429)", f"{refused}", "0", ""),
        ("accepted/calls", f"{len(keys) / len(calls):.3f}", "1.000", ">= 0.98"),
        ("seconds", f"{took:.1f}", f"{MANY - 1:.1f}", ""),
    ]
    show("one message a second, a hundred that must arrive", ("what", "measured", "floor", "aim"),
         rows)  # fmt: skip
