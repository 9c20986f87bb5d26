"""Records scenarios from the twin, by hand: python -m tests.live.record_twin scenarios/twin [NAME...]

Each fault is done to a twin at the speed of life, the ticket is waited for, and half a minute later
everything that is seen is written down as a scenario. What is right is said here, before anything is seen.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from core.clock import SystemClock
from core.diagnosis import evidence
from core.diagnosis.model import Reason
from core.diagnosis.rules.decide import diagnose
from core.diagnosis.scenario.record import Told, recorded
from core.subjects.access import LogPlace
from core.subjects.tikv.settings import Guards, Periods, TikvSettings
from core.twin import spec as specs
from core.twin.cluster import Layout
from tests.live.watching import Watcher, watching

IDS = (1, 4, 5)
AFTER_S = 30.0
LIMIT_S = 240.0
AT_ONCE = 3
Do = Callable[[Watcher], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Recording:
    """A fault, the ticket that it opens, and the right answer."""

    name: str
    do: Do
    invariant: str
    entity: str
    told: Told
    after_s: float = AFTER_S


def _layout(folder: Path) -> Layout:
    """Three stores with the ids that PD gives in real life: it has given 2 and 3 to peers."""
    twin = Layout(folder / "twin", tie_to=os.getpid(), regions=90)
    stores = tuple(
        dataclasses.replace(
            one, id=number, name=f"store-{number}", labels=(("host", f"host-{number}"),)
        )
        for one, number in zip(twin.spec.stores, IDS, strict=True)
    )
    twin.spec = dataclasses.replace(twin.spec, stores=stores)
    specs.save(twin.dir, twin.spec)
    return twin


def _settings(twin: Layout) -> TikvSettings:
    logs = {
        f"{twin.spec.host}:{one.port}": LogPlace(path=str(twin.log(one.name)))
        for one in twin.spec.stores
    }
    logs |= {one.name: LogPlace(path=str(twin.log(one.name))) for one in twin.spec.pds}
    soon = {"hold_s": 5.0}
    return TikvSettings(
        pd=twin.pd_urls,
        logs=logs,
        periods=Periods(metrics_s=5.0),
        guards=dataclasses.replace(Guards(), announced_max_s=20.0),
        invariants={
            "high_latency": soon,
            "store_slow": soon,
            "leader_imbalance": soon | {"min_leaders": 5.0},
        },
    )


def _process(verb: str, name: str) -> Do:
    async def do(watcher: Watcher) -> None:
        watcher.twin.do(name, verb)

    return do


def _switch(name: str, **what: object) -> Do:
    async def do(watcher: Watcher) -> None:
        await watcher.twin.switch(name, **what)

    return do


async def _evict(watcher: Watcher) -> None:
    await watcher.post("/schedulers", {"name": "evict-leader-scheduler", "store_id": 4})


async def _kill_pd_leader(watcher: Watcher) -> None:
    watcher.twin.kill(await watcher.pd_leader())


async def _kill_two(watcher: Watcher) -> None:
    watcher.twin.kill("pd-1")
    watcher.twin.kill("pd-2")


RECORDINGS = (
    Recording(
        "killed",
        _process("kill", "store-4"),
        *("store_down", "store:4"),
        Told("Store 4 is gone, and nobody says why.", "process_killed", ("store:4",)),
    ),
    Recording(
        "paused",
        _process("pause", "store-5"),
        *("store_down", "store:5"),
        Told("Store 5 takes connections and answers nothing.", "process_hung", ("store:5",)),
    ),
    Recording(
        "disk-full",
        _switch("store-1", disk_fill_pct=95),
        *("low_disk_space", "store:1"),
        Told("Store 1 has no room.", "disk_full", ("store:1",)),
    ),
    Recording(
        "write-stall",
        _switch("store-4", write_stall=True),
        *("store_slow", "store:4"),
        Told("Writes on store 4 take ages.", "write_stall", ("store:4",)),
    ),
    Recording(
        "slow-disk",
        _switch("store-5", slow_score=100),
        *("store_slow", "store:5"),
        Told("PD calls store 5 slow.", "slow_disk", ("store:5",)),
        after_s=2.0,  # later its leaders are gone, and of followers the twin's disk knows nothing
    ),
    Recording(
        "evict-leader-left",
        _evict,
        *("leader_imbalance", "cluster"),
        Told("Leaders are uneven.", "scheduler_left_behind", ("cluster", "store:4")),
    ),
    Recording(
        "no-heartbeats",
        _switch("store-1", drop_heartbeats=True),
        *("store_down", "store:1"),
        Told("PD calls store 1 down; it serves.", "network_cut_one_way", ("store:1",)),
    ),
    Recording(
        "cut-from-peers",
        _switch("store-1", cut_peers=True),
        *("high_latency", ""),
        Told("Requests are slow since a moment ago.", "network_cut_one_way", ("store:1",)),
    ),
    Recording(
        "pd-quorum-lost",
        _kill_two,
        *("pd_no_leader", "pd"),
        Told("PD answers nothing any more.", "pd_quorum_loss", ("pd",)),
    ),
)


async def _record(one: Recording, out: Path) -> str:
    folder = Path(tempfile.mkdtemp(prefix="record-"))
    twin = _layout(folder)
    try:
        await twin.up()
        async with watching(folder, twin, _settings(twin)) as watcher:
            await watcher.quiet(LIMIT_S)
            await watcher.passes(30.0)
            await one.do(watcher)
            await watcher.until(
                lambda found: any(_is(one, key) for key in found), one.name, LIMIT_S
            )
            ticket = next(it for key, it in (await watcher.open()).items() if _is(one, key))
            await watcher.passes(one.after_s)
            snapshot = await evidence.gather(
                watcher.db, SystemClock(), watcher.subject.inner, ticket, Reason.SOON
            )
        place = out / one.name
        place.mkdir(parents=True, exist_ok=True)
        text = recorded(snapshot, one.told, "twin").replace(str(folder), "")
        (place / "scenario.toml").write_text(text)
        made = diagnose(snapshot)
        return f"{one.name}: {made.cause} {made.entity} {made.certainty}, {len(text)} bytes"
    finally:
        await twin.down()
        shutil.rmtree(folder, ignore_errors=True)


def _is(one: Recording, key: tuple[str, str]) -> bool:
    return key[0] == one.invariant and (not one.entity or key[1] == one.entity)


async def main(out: Path, names: list[str]) -> None:
    slots = asyncio.Semaphore(AT_ONCE)

    async def each(one: Recording) -> None:
        async with slots:
            try:
                print(await _record(one, out), flush=True)
            except Exception as error:  # noqa: BLE001 - one that fails must not take the others along
                print(f"{one.name}: {error!r}", flush=True)

    await asyncio.gather(*(each(one) for one in RECORDINGS if not names or one.name in names))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2:]))
