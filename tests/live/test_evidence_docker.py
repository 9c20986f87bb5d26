"""A real engine as a source of evidence: what was done to a container is shown, and confirmed."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator

import pytest

from core.clock import SystemClock
from core.diagnosis.evidence import About
from core.diagnosis.model import Certainty, Diagnosis, Reason, Snapshot, bounded, canonical
from core.diagnosis.pieces import Filing
from core.diagnosis.rules.decide import diagnose
from core.subjects.tikv.build import tikv
from core.subjects.tikv.settings import TikvSettings
from core.subjects.tikv.subject import TikvSubject
from tests.live.containers import SOCKET, Site, docker, shell_image
from tests.world import World

pytestmark = [pytest.mark.docker, pytest.mark.timeout(240)]


def raise_it(name: str, error: BaseException) -> None:
    raise AssertionError(name) from error


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """Three stores' containers on one network."""
    with shell_image() as image:
        made = Site(image)
        try:
            network = made.network("net")
            for number in (1, 2, 3):
                made.run(f"tikv-{number}", "--memory", "64m", network=network)
            yield made
        finally:
            made.clear()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World(SystemClock(), prometheus=False) as one:
        yield one


@pytest.fixture
async def watched(site: Site, world: World) -> AsyncIterator[TikvSubject]:
    names = {one.address: f"{site.project}-tikv-{one.id}-1" for one in world.stores.values()}
    settings = TikvSettings(pd=tuple(world.pd.urls), docker=f"unix://{SOCKET}", containers=names)
    subject = tikv("prod", settings, SystemClock(), raise_it)
    snapshot, _ = await looked(subject, "store:1")  # knows its containers from now on
    piece = snapshot.piece("container", "store:1")
    assert piece is not None
    assert piece.ok, piece.error
    yield subject
    await subject.close()


async def looked(subject: TikvSubject, entity: str) -> tuple[Snapshot, Diagnosis]:
    for _ in range(4):
        await subject.observe()
        await SystemClock().sleep(0.3)
    now = time.time()
    filing = Filing(now)
    await subject.explain(About("prod", "store_down", entity, now - 1, now), filing)
    kept, _ = bounded(filing.pieces)
    made = Snapshot("prod", "store_down", entity, now - 1, now, Reason.OPENED, kept)
    return made, diagnose(made)


def confirmed(made: Diagnosis, cause: str, entity: str) -> None:
    assert (made.cause, made.entity, made.certainty) == (cause, entity, Certainty.CONFIRMED), made


async def test_what_was_done_to_containers_is_confirmed_by_the_engine(
    site: Site, world: World, watched: TikvSubject
) -> None:
    await world.kill_store(1)
    docker("kill", f"{site.project}-tikv-1-1")
    began = time.monotonic()
    snapshot, made = await looked(watched, "store:1")
    confirmed(made, "process_killed", "store:1")
    container = snapshot.piece("container", "store:1")
    assert container is not None
    assert container.content["now"]["exit_code"] == 137
    assert container.content["now"]["memory_limit_bytes"] == 64 * 1024**2
    assert container.content["before"]["status"] == "running"
    events = snapshot.piece("event", "store:1")
    assert events is not None
    assert {"kill", "die"} <= {one["action"] for one in events.content["events"]}
    # Labels say who may be experimented on; the evidence must not.
    assert "tocsin" not in canonical(
        [one.content for one in snapshot.pieces if one.kind in ("container", "event")]
    ).replace(site.image, "")
    print(f"  killed: {time.monotonic() - began:.1f} s with its four looks")

    await world.pause_store(2)
    docker("pause", f"{site.project}-tikv-2-1")
    _, made = await looked(watched, "store:2")
    confirmed(made, "process_hung", "store:2")
    docker("unpause", f"{site.project}-tikv-2-1")

    await world.cut_off(3)
    docker("network", "disconnect", f"{site.project}_net", f"{site.project}-tikv-3-1")
    snapshot, made = await looked(watched, "store:3")
    assert made.cause == "network_cut_two_way"
    container = snapshot.piece("container", "store:3")
    assert container is not None
    assert container.content["now"]["detached"] is True


async def test_what_the_engine_remembers_from_before_the_bot_is_evidence(
    site: Site, world: World
) -> None:
    """The store died while the bot was not running: the engine still knows how."""
    docker("start", f"{site.project}-tikv-1-1")
    docker("kill", f"{site.project}-tikv-1-1")
    await world.kill_store(1)
    names = {one.address: f"{site.project}-tikv-{one.id}-1" for one in world.stores.values()}
    settings = TikvSettings(pd=tuple(world.pd.urls), docker=f"unix://{SOCKET}", containers=names)
    subject = tikv("prod", settings, SystemClock(), raise_it)
    try:
        _, made = await looked(subject, "store:1")
    finally:
        await subject.close()
    confirmed(made, "process_killed", "store:1")


async def test_an_engine_that_is_gone_is_failed_pieces(world: World) -> None:
    settings = TikvSettings(pd=tuple(world.pd.urls), docker="unix:///nowhere.sock")
    subject = tikv("prod", settings, SystemClock(), raise_it)
    try:
        snapshot, _ = await looked(subject, "store:1")
    finally:
        await subject.close()
    piece = snapshot.piece("container", "store:1")
    assert piece is not None
    assert not piece.ok
    assert "no such socket" in piece.error
