"""What a user may set about experiments: for all of them (`[chaos]`) and for a subject
(`[subjects.chaos]`). Durations are seconds."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.chaos.model import Fault
from core.errors import Invalid
from core.records import into

DRIVERS = ("docker", "twin", "pd")


@dataclass(frozen=True, slots=True)
class SubjectChaos:
    """Whether and how one subject may be broken: not at all, unless `enabled`.

    `drivers` are used in this order ("docker", "twin", "pd"). `twin` is the state directory of a
    twin. `docker` is the engine's URL ("" = the one that the subject itself is watched by), `project`
    the compose project ("" = any), `label` what a container must carry, as `name=value` or a bare
    name. `targets` limits what may be broken to these entities or names (empty: all that opted in).
    `faults` limits how (empty: all). `max_duration_s` may only shorten what `[chaos]` allows (0:
    what it says). `database` is the address of the program's own database, which is never broken:
    the program fills it in.
    """

    enabled: bool = False
    drivers: tuple[str, ...] = ()
    twin: str = ""
    docker: str = ""
    project: str = ""
    label: str = "tocsin.chaos=allow"
    targets: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    max_duration_s: float = 0.0
    # It may hold a password.
    database: str = field(default=".state/tocsin.db", repr=False)

    def __post_init__(self) -> None:
        for one in self.drivers:
            if one not in DRIVERS:
                raise Invalid(f"There is no driver {one!r}; there are {', '.join(DRIVERS)}.")
        for one in self.faults:
            if one not in tuple(Fault):
                near = difflib.get_close_matches(one, list(Fault), n=1)
                hint = (
                    f"did you mean {str(near[0])!r}?" if near else f"there are {', '.join(Fault)}."
                )
                raise Invalid(f"There is no fault {one!r}; {hint}")
        if self.enabled and not self.drivers:
            raise Invalid('chaos is enabled but names no driver: set drivers = ["docker"].')
        if "twin" in self.drivers and not self.twin:
            raise Invalid("the driver twin needs the twin's state directory: set twin = ...")


OFF = SubjectChaos()


def subject_chaos(table: Any, where: str) -> SubjectChaos:
    """The `chaos` table of a subject; Invalid names the key that is wrong."""
    if table is None:
        return OFF
    if not isinstance(table, Mapping):
        raise Invalid(f"{where}.chaos must be a table, as in [subjects.chaos].")
    try:
        return into(SubjectChaos, table, f"{where}.chaos")
    except Invalid as error:
        text = error.text
        raise Invalid(text if where in text else f"{where}.chaos: {text}") from None
