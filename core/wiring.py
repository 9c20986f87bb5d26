"""Config + Clock -> the running core: the only core file that picks implementations.

Adding a kind of subject is one line in SUBJECTS.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from core import lock, migrate
from core.addresses import parse_url
from core.chaos.catalog.read import check_names
from core.chaos.desk import Desk
from core.chaos.experiment import Experiments
from core.chaos.healing import Healers
from core.chaos.order import Rules
from core.chaos.order import rules as chaos_rules
from core.chaos.story import Means as ChaosMeans
from core.clock import Clock
from core.config import Config
from core.db import Database
from core.diagnosis.investigate import Means
from core.diagnosis.settings import allowed
from core.diagnosis.worker import Worker
from core.engine import Engine
from core.errors import Invalid
from core.invariant import Invariant
from core.metrics import Metrics
from core.opening import failed, open_database
from core.runs.runner import Runner
from core.subject import OWN, Subject
from core.subjects.etcd import from_file as etcd_file
from core.subjects.etcd.build import etcd
from core.subjects.etcd.catalog import ALL as ETCD
from core.subjects.own import INVARIANTS, OwnSubject
from core.subjects.tikv import from_file
from core.subjects.tikv.build import tikv
from core.subjects.tikv.catalog import ALL
from core.upkeep import Retention

log = structlog.get_logger()


Builder = Callable[[str, Mapping[str, Any], Clock], Subject]

SUBJECTS: Mapping[str, Builder] = {
    "tikv": lambda name, own, clock: tikv(name, from_file.settings(name, own), clock, failed),
    "etcd": lambda name, own, clock: etcd(name, etcd_file.settings(name, own), clock, failed),
}

CATALOGUES: Mapping[str, tuple[Invariant[Any, Any], ...]] = {
    'TiKV (`kind = "tikv"`)': ALL,
    'etcd (`kind = "etcd"`)': ETCD,
    "Tocsin itself (subject `tocsin`)": INVARIANTS,
}
"""What is claimed about each kind of subject, for the documentation."""


@dataclass(frozen=True, slots=True)
class Core:
    """Everything of the core that its faces need."""

    config: Config
    clock: Clock
    db: Database
    epoch: int
    engine: Engine
    metrics: Metrics
    own: OwnSubject
    worker: Worker
    desk: Desk


def build_subjects(config: Config, clock: Clock) -> list[Subject]:
    """The configured subjects. Invalid for an unknown kind or key, and for Tocsin's own name."""
    made = []
    for one in config.file.subjects:
        if one.name == OWN:
            raise Invalid(f"a subject cannot be called {OWN!r}: that is Tocsin itself.")
        builder = SUBJECTS.get(one.kind)
        if builder is None:
            known = ", ".join(sorted(SUBJECTS))
            raise Invalid(f"subject {one.name!r}: unknown kind {one.kind!r}; there is {known}.")
        made.append(builder(one.name, _with_database(one.own, config), clock))
    return made


def _with_database(own: Mapping[str, Any], config: Config) -> Mapping[str, Any]:
    """Experiments are told where our own database is, so that it is never broken."""
    chaos = own.get("chaos")
    if not isinstance(chaos, Mapping):
        return own
    return {**own, "chaos": {**chaos, "database": config.database}}


def experiments(config: Config) -> Rules:
    """What may be broken on purpose, and how. Invalid names what is wrong with it."""
    rules = chaos_rules(config.file)
    known = {"tikv": ALL, "etcd": ETCD}
    check_names(rules.catalog, {kind: {one.name for one in own} for kind, own in known.items()})
    return rules


def _runs(
    config: Config,
    clock: Clock,
    db: Database,
    epoch: int,
    subjects: Mapping[str, Subject],
    rules: Rules,
) -> Callable[[Engine], Runner]:
    """What carries experiments to their end, and orders those that are planned."""

    def made(engine: Engine) -> Runner:
        means = ChaosMeans(
            db=db,
            clock=clock,
            epoch=epoch,
            subjects=subjects,
            healers=Healers(healers_folder(config)),
            limits=rules.limits,
            look=engine.sight,
        )
        return Runner(db, clock, epoch, [Experiments(means, rules)], engine.failed)

    return made


def healers_folder(config: Config) -> Path:
    """Where detached healers keep what they must undo: beside the database, if that is a file."""
    if config.file.chaos.state is not None:
        return config.file.chaos.state
    url = parse_url(config.database)
    if url.get_backend_name() == "sqlite":
        return Path(f"{url.database}.chaos")
    return Path(".state/chaos")


def _means(config: Config, clock: Clock, db: Database, epoch: int, watched: list[Subject]) -> Means:
    by_name = {one.name: one for one in watched}
    return Means(db, clock, epoch, by_name, allowed(config))


def raise_file_limit() -> None:
    """As many open files as the system allows: each watched node keeps a connection."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@asynccontextmanager
async def hold_core(
    config: Config,
    clock: Clock,
    command: str,
    metrics: Metrics,
    meanwhile: lock.Meanwhile | None = None,
) -> AsyncIterator[Core]:
    """Be the one process that watches: lock, migrate, subjects, engine (not started yet).

    `meanwhile` is what to be inside of while another process holds the database (PostgreSQL).
    """
    raise_file_limit()
    built = build_subjects(config, clock)
    async with _closing(built):
        rules = experiments(config)
        db = open_database(config, clock, create=True)
        try:
            async with lock.hold_raw(db, command, meanwhile=meanwhile):
                saved = await migrate.migrate(db)
                if saved:
                    log.info("the database was migrated", action="migrate", backup=saved)
                core = await _made(config, clock, db, command, metrics, built, rules)
                try:
                    yield core
                finally:
                    await core.engine.close()
        finally:
            await db.close()


@asynccontextmanager
async def _closing(subjects: Sequence[Subject]) -> AsyncIterator[None]:
    """Close them at the end, also where no engine was made that would (closing twice is harmless)."""
    async with AsyncExitStack() as stack:
        for one in subjects:
            stack.push_async_callback(one.close)
        yield


async def _made(
    config: Config,
    clock: Clock,
    db: Database,
    command: str,
    metrics: Metrics,
    built: Sequence[Subject],
    rules: Rules,
) -> Core:
    """The core of the one that holds the database, which is up to date."""
    epoch = await lock.take_epoch(db, command)
    own = OwnSubject(db, clock)
    keep = config.file.retention
    retention = Retention(keep.tickets, keep.events, keep.requests)
    watched = [*built, own]
    worker = Worker(_means(config, clock, db, epoch, watched), metrics)
    by_name = {one.name: one for one in built}
    runs = _runs(config, clock, db, epoch, by_name, rules)
    engine = Engine(db, clock, epoch, watched, metrics, retention, worker, runs)
    desk = Desk(db, by_name, rules, engine.sight)
    return Core(config, clock, db, epoch, engine, metrics, own, worker, desk)
