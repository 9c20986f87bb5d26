"""An etcd cluster as a subject: reads its sources at their own pace and says what it sees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.chaos.driver import Driver
from core.chaos.model import Margin
from core.chaos.settings import SubjectChaos
from core.clients.etcd_model import Alarm, MemberList
from core.clients.logs import LogSource
from core.clock import Clock
from core.diagnosis.evidence import About
from core.diagnosis.model import Piece, Query
from core.diagnosis.pieces import Filing
from core.findings import Finding
from core.invariant import Invariant, Reading
from core.subjects.etcd import model
from core.subjects.etcd.blind import blindness
from core.subjects.etcd.catalog import invariants
from core.subjects.etcd.figures import Figures
from core.subjects.etcd.leadership import Leaders
from core.subjects.etcd.lives import Lives, Scene, quorum
from core.subjects.etcd.model import (
    NEVER,
    EtcdObservation,
    Said,
    Who,
)
from core.subjects.etcd.parts import Parts
from core.subjects.etcd.peers import BEATS, FEW_BEATS, Hearsay
from core.subjects.etcd.settings import EtcdSettings
from core.subjects.etcd.silence import Silence
from core.subjects.sources import Source, read_due
from core.tasks import OnError, Tasks

_NUDGE_EVERY_S = 0.05
_ALARMED_S = 0.05
_MOST_NEWS = 3
_MOST_ALARMS = 50


class EtcdSubject:
    """Watches one etcd cluster; see core.subject.Subject."""

    kind = "etcd"

    def __init__(
        self, name: str, settings: EtcdSettings, clock: Clock, parts: Parts, on_error: OnError
    ) -> None:
        self.name = name
        self.settings = settings
        self.invariants: tuple[Invariant[Any, Any], ...] = invariants(settings.invariants)
        self._clock = clock
        self._parts = parts
        self._tasks = Tasks(on_error)
        self._lives = Lives()
        self._silence = Silence(parts.roster, parts.probing, self._lives)
        self._leaders = Leaders(clock.monotonic())
        self._alarms: set[str] = {"NOSPACE", "CORRUPT"}
        self._earlier: dict[int, str] = {}
        self._nudged_at = NEVER
        self._taken = 0
        pace = settings.periods
        self._members: Source[MemberList] = Source(
            model.SOURCE_MEMBERS, pace.members_s, self._read_members, clock
        )
        self._probe = Source(model.SOURCE_PROBE, pace.probe_s, self._read_probes, clock)
        self._status = Source(model.SOURCE_STATUS, pace.status_s, self._read_statuses, clock)
        self._metrics = Source(model.SOURCE_METRICS, pace.metrics_s, self._read_metrics, clock)
        self._peers = Source(model.SOURCE_PEERS, pace.status_s, self._read_peers, clock)

    @property
    def interval_s(self) -> float:
        """How often to tick: the period of the fastest source."""
        return min(one.period_s for one in (self._probe, self._status, self._metrics))

    @property
    def members(self) -> tuple[Who, ...]:
        """Everybody who belongs to the cluster, as far as is known."""
        return self._parts.roster.members

    @property
    def logs(self) -> Mapping[str, LogSource]:
        """Where each member's log is, by its name, as evidence."""
        return self._parts.logs

    async def explain(self, about: About, filing: Filing) -> None:
        """File all evidence; see core.diagnosis.evidence.Explains."""
        await self._parts.explainer.explain(about, filing)

    async def ask(self, query: Query, entity: str, window: tuple[float, float]) -> Piece:
        """One live answer."""
        return await self._parts.explainer.ask(query, entity, window)

    def entities(self) -> tuple[str, ...]:
        """What may be asked about."""
        return self._parts.explainer.entities()

    def pd_paths(self) -> tuple[str, ...]:
        """There is no PD here."""
        return ()

    def readings(self) -> Mapping[str, str]:
        """Named figures and their PromQL."""
        return self._parts.explainer.readings()

    def absent(self) -> tuple[str, ...]:
        """Sources of evidence that this site does not have."""
        return self._parts.explainer.absent()

    @property
    def chaos(self) -> SubjectChaos:
        """Whether and how it may be broken on purpose."""
        return self.settings.chaos

    def drivers(self) -> tuple[Driver, ...]:
        """By what it may be broken; see core.chaos.driver.Breakable."""
        return self._parts.breaking.drivers

    async def resolve(self, selector: str, seed: int, among: frozenset[str]) -> tuple[str, ...]:
        """Whom a selector means; see core.chaos.driver.Breakable."""
        return await self._parts.breaking.resolve(selector, seed, among)

    async def margin(self, without: frozenset[str]) -> Margin:
        """What the loss of these members would leave; see core.chaos.driver.Breakable."""
        return await self._parts.breaking.margin(without)

    def recall(self, carry: Mapping[str, Any]) -> None:
        """Take back what an earlier process carried."""
        at, mono = self._at(), self._clock.monotonic()
        self._earlier = self._parts.roster.load(carry)
        self._leaders.load(carry.get("leaders"), at, mono)

    async def observe(self) -> EtcdObservation:
        """Read what is due, and say what is seen now."""
        wait_s = self.settings.observe_wait_s
        if not self.members:
            # Nobody to probe before somebody has said who there is.
            await read_due([self._members], self._tasks, self._clock, wait_s)
            self._take_in()
        await self._read(wait_s)
        self._take_in()
        seen = self._compose()
        self._parts.explainer.remember(seen)
        return seen

    async def _read(self, wait_s: float) -> None:
        """Read what is due. News cuts the waiting short, also for what hangs because of it (every
        status during an election): more is told by the next look, see `nudged`."""
        for _ in range(_MOST_NEWS):
            if self._silence.untold():
                wait_s = _ALARMED_S
            reading = read_due(self._sources(), self._tasks, self._clock, wait_s)
            if await self._parts.unless_news(reading):
                return
            self._parts.news.clear()
            self._probe.hurry()

    async def nudged(self) -> None:
        """Returns when a member's connection ended, or the others told of it: look at once."""
        await self._parts.nudged()
        since = self._clock.monotonic() - self._nudged_at
        if since < _NUDGE_EVERY_S:
            await self._clock.sleep(_NUDGE_EVERY_S - since)
        self._nudged_at = self._clock.monotonic()
        self._probe.hurry()

    async def check(self) -> list[Finding]:
        """Ask every source once; what fails is a finding with its fix."""
        return await self._parts.checks.run()

    def pace(self, seconds: float) -> None:
        """Lists and statuses are asked this often; /metrics no more often than configured."""
        self._members.pace(seconds)
        self._status.pace(seconds)
        least = 0.0 if self._parts.prometheus is not None else self.settings.periods.metrics_s
        self._metrics.pace(max(seconds, least))

    async def close(self) -> None:
        """End background reads and close connections."""
        await self._tasks.cancel()
        await self._parts.close()

    def _sources(self) -> list[Source[Any]]:
        found: list[Source[Any]] = [self._members]
        if self.members:
            found += [self._probe, self._status, self._metrics]
        if self._silence.ones():
            found.append(self._peers)
        return found

    async def _read_members(self) -> MemberList:
        silent = self._silence.ones()
        skip = {one.url for one in self.members if one.id in silent and one.url is not None}
        return await self._parts.reads.members(skip)

    async def _read_probes(self) -> int:
        before = self._silence.found()
        asked = await self._parts.probing.round({one.id: one.url for one in self.members})
        if self._silence.found() - before:
            self._parts.news.set()
        return asked

    async def _read_statuses(self) -> int:
        return await self._parts.reads.statuses(self.members, self._silence.ones())

    async def _read_metrics(self) -> Figures:
        return await self._parts.figures(self.members)

    async def _read_peers(self) -> Hearsay:
        silent = self._silence.ones()
        asked = [one for one in self.members if one.id not in silent]
        beats = FEW_BEATS if self._silence.ended() else BEATS
        found = await self._parts.peers.ask(asked, beats)
        if self._silence.is_news(self._clock.monotonic()):
            self._peers.hurry()
        self._parts.news.set()
        return found

    def _take_in(self) -> None:
        if self._members.value is None or self._taken == self._members.answers:
            return
        self._taken = self._members.answers
        roster, listed = self._parts.roster, self._members.value
        if roster.cluster_id and listed.cluster_id != roster.cluster_id:
            self._leaders = Leaders(self._clock.monotonic())
        roster.take(listed)
        if self._earlier:
            roster.forget(self._earlier.values())
            self._earlier = {}

    def _at(self) -> float:
        return self._clock.now().timestamp()

    def _compose(self) -> EtcdObservation:
        mono, at, roster = self._clock.monotonic(), self._at(), self._parts.roster
        said = self._parts.reads.fresh(mono, self._status.pace_s)
        self._leaders.note(said, mono, at)
        lives = self._lives.judge(roster.members, self._scene(at, mono, said))
        figures = self._metrics.value if self._metrics.fresh(mono) else None
        alarms = self._raised(said)
        readings = self._readings(mono, at)
        return EtcdObservation(
            subject=self.name,
            at=at,
            readings=readings,
            removed=roster.removed,
            carry={**roster.dump(), "leaders": self._leaders.dump()},
            members=roster.members,
            lives=lives,
            said=said,
            figures=figures.members if figures is not None else {},
            quorum=quorum(roster.members, lives),
            leadership=self._leaders.view(roster.members, said, lives, mono),
            alarms=alarms,
            known_alarms=frozenset(self._alarms),
            lags=self._parts.reads.lags(said),
            blind=blindness(
                roster.members,
                lives,
                readings,
                at,
                problem=self._parts.reads.problem,
                has_prometheus=self._parts.prometheus is not None,
                failed=figures.failed if figures is not None else {},
            ),
            has_prometheus=self._parts.prometheus is not None,
        )

    def _scene(self, at: float, mono: float, said: Mapping[int, Said]) -> Scene:
        leads = any(one.status.leader for one in said.values())
        return Scene(
            at=at,
            mono=mono,
            sights=self._parts.probing.sights,
            probe_s=self._probe.pace_s,
            said=said,
            leader=self._leaders.leader if leads else 0,
            hearsay=self._peers.value if self._peers.fresh(mono) else None,
        )

    def _raised(self, said: Mapping[int, Said]) -> tuple[Alarm, ...] | None:
        """Alarms as the member with the newest store tells them; None if nobody can be asked."""
        if not said:
            return None
        newest = max(said.values(), key=lambda one: (one.status.applied or 0, one.at))
        alarms = newest.status.alarms
        if len(self._alarms) < _MOST_ALARMS:
            self._alarms.update(one.kind for one in alarms[:20])
        return alarms

    def _readings(self, mono: float, at: float) -> Mapping[str, Reading]:
        sources: list[Source[Any]] = [self._members, self._probe, self._status, self._metrics]
        found = {one.name: one.reading(mono, at) for one in sources}
        found[model.SELF] = Reading(at, self.interval_s)
        return found
