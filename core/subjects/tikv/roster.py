"""Which stores there are: PD's list, doubted when it suddenly shrinks.

A store that is missing from an answer has not left: only PD's own word, from a leader that has
settled, that it is a tombstone or that it knows no such store, says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from core.subjects.tikv.model import UP, Store, store_entity

# How many missing stores are asked about by name after one answer.
ASK_MOST = 3


class Roster:
    """Remembers who was listed; `gone` holds ids that are proved gone, `changes` counts changes."""

    def __init__(self) -> None:
        self.known: set[int] = set()
        self.gone: set[int] = set()
        self.removed: frozenset[str] = frozenset()
        self.shrunk = ""
        self._unexplained: set[int] = set()
        self._listed: frozenset[int] = frozenset()

    def recall(self, ids: Iterable[int]) -> None:
        """Stores that an earlier process knew."""
        self.known |= set(ids)
        self._listed = frozenset(self.known)

    def admit(self, stores: Sequence[Store]) -> tuple[Store, ...]:
        """The stores that count: a tombstone that comes back after a leader change does not."""
        return tuple(one for one in stores if one.who.id not in self.gone or one.state == UP)

    def note(self, listed: frozenset[int], unreadable: int) -> None:
        """A new list of PD's; `unreadable` entries could not be told apart."""
        before = self._listed
        lost = before - listed - self.gone
        self._unexplained = (self._unexplained | lost) - listed - self.gone
        halved = len(lost) >= 2 and 2 * len(lost) >= len(before)
        emptied = bool(before) and not listed
        if (halved or emptied) and unreadable < len(lost):
            self.shrunk = f"PD lists {len(listed)} stores, a moment ago it listed {len(before)}"
        elif not self._unexplained:
            self.shrunk = ""
        if self.gone & listed:
            self.gone -= listed
            self.removed = frozenset(store_entity(one) for one in self.gone)
        self.known |= listed
        self._listed = listed if listed or not before else before

    def missing_from(self, listed: Iterable[int]) -> tuple[int, ...]:
        """Ids that were known and are not in this list: a few of them, to be asked about."""
        return tuple(sorted(self.known - set(listed) - self.gone))[:ASK_MOST]

    def prove_gone(self, ids: Iterable[int]) -> frozenset[int]:
        """PD's settled leader says that these are gone; returns those that are news."""
        news = frozenset(ids) - self.gone
        if news:
            self.gone |= news
            self.known -= news
            self._unexplained -= news
            self.removed = frozenset(store_entity(one) for one in self.gone)
            if not self._unexplained:
                self.shrunk = ""
        return news
