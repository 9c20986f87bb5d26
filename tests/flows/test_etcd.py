"""The whole bot on an etcd cluster: the card, what is thought to be behind it, and its end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bot.local.workspace import Workspace
from tests.flows.whole_bot import card_of, ticket_of, whole_bot
from tests.world_etcd import EtcdWorld


def _posted(workspace: Workspace, kind: str) -> str:
    """All that was said in messages of this kind, and in their edits."""
    said = []
    for call in (*workspace.calls("chat.postMessage"), *workspace.calls("chat.update")):
        payload: dict[str, Any] = (call.args.get("metadata") or {}).get("event_payload", {})
        if payload.get("kind") == kind:
            said.append(json.dumps([call.args.get("text"), call.args.get("blocks")]))
    return "\n".join(said)


async def test_a_dead_member_is_told_in_slack_with_a_diagnosis_and_closed_when_it_is_back(
    tmp_path: Path,
) -> None:
    async with EtcdWorld() as world:
        subject = {"name": "conf", "kind": "etcd", "endpoints": list(world.urls)}
        async with whole_bot(tmp_path, subject, 15) as (running, workspace):
            await world.kill("etcd-1")
            ticket = await ticket_of(running, "member_down", "member:etcd-1")
            await workspace.until(lambda: card_of(workspace, ticket.id), 20.0)
            assert "etcd member etcd-1 is down" in _posted(workspace, "card")
            await workspace.until(
                lambda: "was ended from outside" in _posted(workspace, "diagnosis"), 20.0
            )
            said = _posted(workspace, "diagnosis")
            # How sure it is depends on which of its two addresses was asked again by then.
            assert "onfirmed" not in said, "without Docker nobody saw how it ended"
            assert "pd-ctl" not in said
            await world.revive("etcd-1")
            await workspace.until(lambda: "esolved" in _posted(workspace, "card"), 30.0)
