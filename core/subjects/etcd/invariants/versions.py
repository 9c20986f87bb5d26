"""Whether all members run the same version."""

from __future__ import annotations

from collections.abc import Iterable

from core.invariant import HOLDS, Broken, Invariant, Settings, Severity, Unknown, Verdict
from core.subjects.etcd.model import CLUSTER, SOURCE_STATUS, EtcdObservation
from core.subjects.words import some

Versions = dict[str, list[str]]


def cluster(seen: EtcdObservation) -> Iterable[tuple[str, Versions]]:
    """Members' names by version."""
    found: Versions = {}
    for one in seen.members:
        if one.id in seen.said:
            found.setdefault(seen.said[one.id].status.version, []).append(one.name)
    return ((CLUSTER, found),)


def check_version_skew(found: Versions, seen: EtcdObservation, settings: Settings) -> Verdict:
    """All members run the same version of etcd, but for an hour during an upgrade.

    An upgrade goes member by member, and etcd allows one minor version of difference meanwhile
    (its upgrade guides); the cluster offers the older version's features until all are new. Told
    as info while only the patch differs.

    Why it matters: a forgotten member keeps the whole cluster at the old version, and an upgrade of
    two minor versions at once is refused.

    What to do first: finish the upgrade on the members that are named, one at a time.
    """
    if len(found) > 1:
        newest = sorted(found, key=_order)[-1]
        behind = [name for version, names in found.items() if version != newest for name in names]
        minors = {version.rpartition(".")[0] for version in found}
        listed = "; ".join(f"{one}: {some(found[one])}" for one in sorted(found, key=_order))
        return Broken(
            "etcd members run different versions",
            listed,
            severity=None if len(minors) > 1 else Severity.INFO,
            facts={"behind": some(behind), "newest": newest},
        )
    if len(seen.said) < len(seen.members):
        return Unknown("not every member says which version it runs")
    return HOLDS


def _order(version: str) -> tuple[tuple[int, ...], str]:
    numbers = version.split("-")[0].split(".")
    return tuple(int(one) for one in numbers if one.isascii() and one.isdigit()), version


VERSION_SKEW: Invariant[EtcdObservation, Versions] = Invariant(
    name="version_skew",
    severity=Severity.WARNING,
    source=SOURCE_STATUS,
    hold_s=3600.0,
    scope=cluster,
    check=check_version_skew,
)
