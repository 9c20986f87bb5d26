"""The drivers that a subject's configuration names, in its order."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from core.chaos.driver import Driver, Entities
from core.chaos.drivers.pd import PdDriver
from core.chaos.drivers.twin import TwinDriver
from core.chaos.settings import SubjectChaos
from core.clients.pd import Pd
from core.clock import Clock
from core.errors import Invalid


def drivers(
    chaos: SubjectChaos,
    clock: Clock,
    entities: Entities,
    engine: str = "",
    pd: Pd | None = None,
    tls: Mapping[str, str] | None = None,
) -> tuple[Driver, ...]:
    """The drivers; none for a subject that does not opt in. `engine` is the Docker engine by which
    the subject is watched; `pd` is given where there is one. Invalid for one that cannot be."""
    if not chaos.enabled:
        return ()
    return tuple(_one(name, chaos, clock, entities, engine, pd, tls) for name in chaos.drivers)


def _one(
    name: str,
    chaos: SubjectChaos,
    clock: Clock,
    entities: Entities,
    engine: str,
    pd: Pd | None,
    tls: Mapping[str, str] | None,
) -> Driver:
    if name == "twin":
        return TwinDriver(Path(chaos.twin), clock, entities)
    if name == "docker":
        return _docker(chaos, clock, entities, engine)
    if pd is None:
        raise Invalid("The driver pd is for TiKV clusters: this subject has no PD.")
    return PdDriver(pd, clock, tls, entities)


def _docker(chaos: SubjectChaos, clock: Clock, entities: Entities, engine: str) -> Driver:
    from core.chaos.drivers.docker import DockerDriver
    from core.chaos.drivers.docker_spared import spared
    from core.clients.docker_change import DockerChange

    client = DockerChange(clock, chaos.docker or engine)
    return DockerDriver(client, clock, entities, chaos, spared(chaos.database))
