"""From the button to the report, nothing replaced: the whole bot, a workspace, a twin of processes."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from bot import ids
from bot.cli import local
from bot.local import cast
from bot.local.model import Message
from bot.local.server import LocalServer
from bot.local.workspace import Workspace
from bot.manifest import manifest
from bot.wiring import Running, run
from core.chaos.story import of
from core.clock import SystemClock
from core.config import Config, Environment, load
from core.runs import harm, store
from core.runs.model import Outcome, Run, State
from core.twin.cluster import Layout
from tests.flows import stage

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]
CHANNEL = local.CHANNEL
WAIT_S = 60.0


def seen(message: Message) -> str:
    return " ".join(stage.seen(message).split())


@dataclass
class Demo:
    """What `tocsin local` runs, in this process."""

    ws: Workspace
    layout: Layout
    running: Running

    async def dialogue(self, words: str) -> None:
        """Ask for an experiment, and press Run once the plan is shown."""
        delivery = self.ws.acts.command("ana", CHANNEL, "/chaos", words)
        await self.ws.settled(delivery)

        def ready() -> str:
            view = self.ws.view("ana") or {}
            return str(view["id"]) if view.get("submit") else ""

        view_id = await self.ws.until(ready, WAIT_S)
        await self.ws.settled(self.ws.acts.submit("ana", view_id))

    def card(self, number: int) -> Message | None:
        """The card of a run."""
        posts = [m for m in self.ws.posts(CHANNEL) if m.metadata]
        ref = f"run:{number}"
        return next((m for m in posts if m.metadata["event_payload"]["ref"] == ref), None)

    async def shows(self, number: int, what: str) -> Message:
        """A run's card, once it says so."""

        def there() -> Message | None:
            found = self.card(number)
            return found if found is not None and what in seen(found) else None

        return await self.ws.until(there, WAIT_S)

    async def thread(self, number: int, replies: int) -> list[Message]:
        root = self.card(number)
        assert root is not None
        await self.ws.until(lambda: len(self.ws.replies(CHANNEL, root.ts)) >= replies, WAIT_S)
        return self.ws.replies(CHANNEL, root.ts)

    async def run(self, number: int) -> Run:
        return await self.running.core.db.read(store.get, number)

    def stopped(self) -> list[str]:
        return [name for name in self.layout.names if self.layout.state(name) != "running"]


def settings(folder: Path, server: LocalServer, layout: Layout) -> Config:
    given = load(None, env=Environment())
    return local._settings(given, str(folder / "state" / "t.db"), server, layout)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def demo(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Demo]:
    folder = tmp_path_factory.mktemp("chaos")
    layout = Layout(folder / "twin", tie_to=os.getpid())
    try:
        await layout.up()
        workspace = Workspace(cast.Config(manifest=manifest()))
        async with (
            LocalServer(workspace) as server,
            run(settings(folder, server, layout), SystemClock(), "test") as running,
        ):
            await workspace.connected(2)
            await local._seen_well(running, SystemClock())
            yield Demo(workspace, layout, running)
    finally:
        await layout.down()


async def test_kill_store_from_the_button_to_the_report(demo: Demo) -> None:
    await demo.dialogue("run kill-store store-2 --for 4s")
    await demo.shows(1, "● watch")
    assert demo.stopped() == ["store-2"]
    await demo.shows(1, "(store_down)")
    posts = [m for m in demo.ws.posts(CHANNEL) if m.metadata]
    ticket = next(m for m in posts if m.metadata["event_payload"]["ref"] == "ticket:1")
    assert "Opened during experiment kill-store, run 1" in seen(ticket)

    done = await demo.shows(1, "Experiment passed")
    report, picture = await demo.thread(1, 2)

    assert demo.stopped() == []
    assert "✅ Passed : kill-store on store-2" in seen(report)
    assert "seen in its state before" in seen(report)
    [file] = picture.files
    assert demo.ws.state.files[file["id"]].content.startswith(b"\x89PNG")
    assert "Timeline of kill-store on store-2" in file["alt_txt"]
    assert ids.CHAOS_ABORT not in json.dumps(done.blocks)
    story = of(await demo.run(1))
    assert story.detected_at is not None
    assert story.injected_at is not None
    assert story.detected_at - story.injected_at < 5.0


async def test_aborted_in_the_middle_it_is_healed_at_once(demo: Demo) -> None:
    await demo.ws.until(lambda: demo.stopped() == [])
    await demo.dialogue("run pause-store store-3 --for 5m")
    card = await demo.shows(2, "● watch")
    assert demo.stopped() == ["store-3"]

    delivery = demo.ws.acts.click("ben", CHANNEL, card.ts, ids.CHAOS_ABORT)
    await demo.ws.settled(delivery)
    ended = await demo.shows(2, "Experiment aborted")

    assert demo.stopped() == []
    assert f"<@{demo.ws.user('ben').id}>" in seen(ended) or "Ben Okafor" in seen(ended)
    run = await demo.run(2)
    assert run.outcome is Outcome.ABORTED
    assert run.state in (State.FINISHED, State.ARCHIVED, State.REPORTED)
    faults = await demo.running.core.db.read(harm.of_run, 2)
    assert [one.ending for one in faults] == ["healed"]
    report = (await demo.thread(2, 1))[0]
    assert "⏹️ Aborted" in seen(report)
