"""Whether stores have room."""

from __future__ import annotations

from types import MappingProxyType

from core.invariant import HOLDS, Broken, Invariant, Settings, Severity, Unknown, Verdict
from core.subjects.tikv.invariants.liveness import stores
from core.subjects.tikv.model import SOURCE_DISK, SOURCE_PD, Store, TikvObservation
from core.subjects.words import percent


def check_low_disk_space(store: Store, seen: TikvObservation, settings: Settings) -> Verdict:
    """No store uses more than 70 % of its disk (1 - available / capacity).

    Why it matters: at 80 % PD stops placing replicas there, so that a lost store may find no new
    home; a full disk stops the store.

    What to do first: see whether all stores fill up (add a store) or this one alone (something else
    on its disk, or a balance that lags). Figures come from the store's metrics, else from PD.
    """
    used = seen.metrics.disk_used.get(store.who.id)
    if used is None:
        if not seen.fresh(SOURCE_PD):
            return Unknown("neither metrics nor PD tell how full its disk is")
        used = store.disk_used
    if used is None:
        return Unknown("PD has no figures of its disk yet")
    if used <= settings["used"]:
        return HOLDS
    facts = {} if store.capacity is None else {"capacity": f"{store.capacity / 2**30:.1f} GiB"}
    return Broken(
        f"{store.who.title} runs out of disk space",
        f"{percent(used)} of its disk is used",
        value=round(used * 100, 2),
        threshold=round(settings["used"] * 100, 2),
        unit="%",
        facts=facts,
    )


LOW_DISK_SPACE: Invariant[TikvObservation, Store] = Invariant(
    name="low_disk_space",
    severity=Severity.WARNING,
    source=SOURCE_DISK,
    hold_s=0.0,
    scope=stores,
    check=check_low_disk_space,
    recover_s=60.0,
    settings=MappingProxyType({"used": 0.7}),
)
