"""What a cluster looked like some minutes ago: the other half of every "then and now" in the evidence."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.clients import pd_store
from core.clients.metrics_text import Scrape
from core.subjects.tikv.model import store_entity

KEPT_S = 660.0
"""Looks older than this are dropped: 5 min before a ticket opened, asked up to 5 min after that."""
SPACING_S = 30.0
WIDE_SPACING_S = 300.0
MANY_STORES = 500
"""A cluster larger than this is remembered less often."""
SCRAPED_STORES = 50
"""Of a cluster larger than this the nodes' own figures are only read when they are needed: some 20
families more of each node, every 15 s."""
MAX_CHANGES = 200
MAX_SCRAPES = 44
"""Eleven minutes of scrapes every 15 s."""


@dataclass(frozen=True, slots=True)
class Look:
    """One moment: PD's stores by id, its leader, which members answered, what the probes saw."""

    at: float
    stores: Mapping[int, pd_store.Store]
    leader: str = ""
    answers: Mapping[str, bool] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    probes: Mapping[int, tuple[bool, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """Something that was seen to change. `what` is version or scheduler."""

    at: float
    entity: str
    what: str
    words: str

    def told(self) -> dict[str, Any]:
        """As evidence."""
        return {"at": self.at, "what": self.what, "words": self.words}


@dataclass(frozen=True, slots=True)
class Scraped:
    """One scrape of a node: the figures, and how often a second it missed each other store."""

    at: float
    scrape: Scrape
    values: Mapping[str, float]
    reports: Mapping[str, float]


class History:
    """Remembers looks of the last minutes, changes of the last hours, and own scrapes."""

    def __init__(self) -> None:
        self._looks: deque[Look] = deque()
        self.changes: deque[Change] = deque(maxlen=MAX_CHANGES)
        self._versions: dict[int, str] = {}
        self._schedulers: frozenset[str] | None = None
        self.scrapes: dict[int, deque[tuple[float, Mapping[str, float]]]] = {}
        self.raw: dict[int, Scrape] = {}
        self.reports: dict[int, Mapping[str, float]] = {}

    def due(self, at: float, stores: int) -> bool:
        """Whether it is time for another look; `stores` is how many there are."""
        spacing = SPACING_S if stores <= MANY_STORES else WIDE_SPACING_S
        return not self._whole or not 0 <= at - self._looks[-1].at < spacing

    @property
    def _whole(self) -> bool:
        return bool(self._looks and self._looks[-1].probes)

    def note(self, look: Look) -> None:
        """Keep a look."""
        if self._looks and look.at < self._looks[-1].at:
            self._looks.clear()  # the clock was set back: what is in the future is of no use
        if not self._whole:
            self._looks.clear()  # nothing had been probed yet: that is no look to compare with
        self._looks.append(look)
        while len(self._looks) > 2 and self._looks[1].at < look.at - KEPT_S:
            self._looks.popleft()

    def before(self, when: float, opened_at: float) -> Look | None:
        """The newest look not after `when`, else the oldest from before the ticket; None if none."""
        found: Look | None = None
        for one in self._looks:
            if one.at <= when or (found is None and one.at < opened_at):
                found = one
        return found

    def note_versions(self, stores: Iterable[pd_store.Store], at: float) -> None:
        """PD's newest list: a store that runs another version than before has changed."""
        for one in stores:
            version = one.store.version
            known = self._versions.get(one.id)
            if version and known is not None and known != version:
                words = f"runs {version} now, before {known}"
                self.changes.append(Change(at, store_entity(one.id), "version", words))
            if version:
                self._versions[one.id] = version

    def note_schedulers(self, names: frozenset[str], at: float) -> None:
        """PD's newest list of schedulers."""
        known, self._schedulers = self._schedulers, names
        if known is None:
            return
        for name in sorted(names - known):
            self.changes.append(Change(at, "cluster", "scheduler", f"{name} was added"))
        for name in sorted(known - names):
            self.changes.append(Change(at, "cluster", "scheduler", f"{name} was removed"))

    def note_scrape(self, store: int, kept: Scraped) -> None:
        """A node's own figures, where there is no Prometheus to remember them."""
        self.scrapes.setdefault(store, deque(maxlen=MAX_SCRAPES)).append((kept.at, kept.values))
        self.raw[store] = kept.scrape
        self.reports[store] = kept.reports

    def newest_scrape(self, store: int) -> Scrape | None:
        """The last scrape in the subject's own pace, to compare a new one with."""
        return self.raw.get(store)

    def forget(self, present: frozenset[int]) -> None:
        """Drop what is known of stores that are gone."""
        for gone in self.scrapes.keys() - present:
            del self.scrapes[gone]
            self.reports.pop(gone, None)
            self.raw.pop(gone, None)

    def points(self, store: int, name: str) -> list[tuple[float, float]]:
        """A figure of a store as its own scrapes told it, oldest first."""
        kept = self.scrapes.get(store, ())
        return [(at, values[name]) for at, values in kept if name in values]

    def names(self, store: int) -> tuple[str, ...]:
        """The figures that its own scrapes ever told."""
        return tuple(
            dict.fromkeys(name for _, values in self.scrapes.get(store, ()) for name in values)
        )
