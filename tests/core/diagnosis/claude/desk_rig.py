"""A diagnosis by a scripted Claude over HTTP: evidence out of a scenario, a ledger that writes down."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from core.clock import SystemClock
from core.diagnosis.claude.loop import diagnose
from core.diagnosis.claude.settings import ClaudeSettings
from core.diagnosis.claude.task import Live, Means, Progress, Result, Spent, Task
from core.diagnosis.model import Snapshot
from core.diagnosis.rules.decide import diagnose as by_rules
from core.diagnosis.scenario.file import read
from core.diagnosis.scenario.world import snapshot
from core.errors import Refused
from tests.claude_server import KEY, ClaudeServer, answers, claim

SCENARIOS = Path(__file__).parents[4] / "scenarios" / "ours"


@dataclass
class Book:
    """A ledger that remembers; `limit` is the day's money in micro-dollars."""

    limit: int = 10_000_000
    reserved: list[tuple[str, int]] = field(default_factory=list)
    settled: dict[int, Spent] = field(default_factory=dict)

    async def reserve(self, model: str, micro_dollars: int) -> int:
        spent = sum(one.micro_dollars for one in self.settled.values())
        if spent + micro_dollars > self.limit:
            raise Refused("Today's budget of $0.00 is used up; it begins anew at midnight UTC.")
        self.reserved.append((model, micro_dollars))
        return len(self.reserved) - 1

    async def settle(self, reservation: int, spent: Spent) -> None:
        assert reservation not in self.settled
        self.settled[reservation] = spent


@cache
def frozen(name: str, whole: bool = False) -> Snapshot:
    made = snapshot(read(SCENARIOS / name))
    if whole or name != "killed-by-docker":
        return made
    # What most tests ask about is kept small: they are about other things.
    few = tuple(one for one in made.pieces if one.kind not in ("reading", "pd"))
    return replace(made, pieces=few)


def task(
    name: str = "killed-by-docker", question: str = "", *, whole: bool = False, **pieces: Any
) -> Task:
    """What is asked; `pieces` changes the content of pieces by id."""
    taken = frozen(name, whole)
    if pieces:
        changed = tuple(
            replace(one, **pieces[one.id]) if one.id in pieces else one for one in taken.pieces
        )
        taken = replace(taken, pieces=changed)
    return Task(taken, by_rules(taken), question)


def piece_id(about: Task, kind: str, entity: str, source: str = "") -> str:
    found = about.snapshot.piece(kind, entity, source)
    assert found is not None
    return found.id


@dataclass
class Heard:
    told: list[Progress] = field(default_factory=list)

    async def __call__(self, progress: Progress) -> None:
        self.told.append(progress)


@dataclass
class Rig:
    claude: ClaudeServer
    book: Book = field(default_factory=Book)
    heard: Heard = field(default_factory=Heard)
    live: Live | None = None
    stop: bool = False
    how: dict[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> ClaudeSettings:
        given = {"api_key": KEY, "base_url": self.claude.url, "quiet_s": 5.0} | self.how
        return ClaudeSettings(**given)

    @property
    def means(self) -> Means:
        return Means(
            self.settings, self.book, SystemClock(), self.live, self.heard, lambda: self.stop
        )

    async def ask(self, about: Task) -> Result:
        result = await diagnose(about, self.means)
        assert len(self.book.settled) == len(self.book.reserved)
        assert result.micro_dollars == sum(one.micro_dollars for one in self.book.settled.values())
        return result


def right(about: Task, **fields: Any) -> Any:
    """The answer that fits the scenario of a store killed by Docker."""
    container = piece_id(about, "container", "store:4")
    store = piece_id(about, "store", "store:4")
    return answers(
        "process_killed",
        "store:4",
        claim(container, "store:4", "now.exit_code", "equals", 137, words="It ended by SIGKILL."),
        claim(store, "store:4", "now.state", "equals", "Disconnected", words="PD lost it."),
        **({"certainty": "confirmed", "primary": "Store 4 was killed."} | fields),
    )
