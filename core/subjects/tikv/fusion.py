"""Which stores serve: what probes, PD and Docker say, made into one answer a store.

No clock and no input or output: `Fusion.lives` is handed evidence and answers. The rules, and why:
- Two probes in a row that find nobody there alert at once, if the prober itself is sane: it reached
  PD or another store meanwhile. One that never answered this process proves nothing by silence.
- All stores that fall silent together are either an outage or a fault of ours: PD's word (a newer
  heartbeat, or none for longer than a heartbeat takes) decides.
- PD's Disconnected or Down alone is enough where no probe is possible, but never just after a
  change of PD's leader (see trust.py).
- A restart that was announced may take its time. A store that came back counts once it answers,
  PD has heard from it since, and its leaders are back.
- A status port does not say whose it is: after an outage, whoever answers there may be another
  process. PD's next heartbeat proves the store; until then its replicas count for nothing.
"""

from __future__ import annotations

from core.durations import span
from core.subjects.sight import Look, Sight
from core.subjects.tikv.evidence import NEVER, Evidence, Incident
from core.subjects.tikv.model import OFFLINE, SILENT, UP, Life, Liveness, Store
from core.subjects.tikv.settings import Guards
from core.subjects.tikv.trust import Trust

FEW_LEADERS = 10
OKS_TO_RETURN = 3
LEADERS_BACK = 0.8
# A heartbeat on its way when the store died may still be counted by PD a moment later.
_IN_FLIGHT_S = 1.0


class Fusion:
    """Remembers incidents from one look to the next.

    `incidents` are the open ones by store id; `closed` says when (monotonic) one that was called
    down ended; `changes` counts what would have to be remembered over a restart.
    """

    def __init__(self, guards: Guards, trust: Trust) -> None:
        self._guards = guards
        self._trust = trust
        self.incidents: dict[int, Incident] = {}
        self.closed: dict[int, float] = {}
        self.changes = 0

    def lives(self, seen: Evidence) -> dict[int, Liveness]:
        """Every store that is not plainly up."""
        found: dict[int, Liveness] = {}
        doubtful = [one for one in seen.stores if not self._plainly_up(one, seen)]
        together = self._together(seen) if doubtful else frozenset()
        for store in doubtful:
            life = self._judge(store, seen, together)
            if life is not None:
                found[store.who.id] = life
        return found

    def forget(self, gone: frozenset[int]) -> None:
        """Drop what is known of stores that are gone for good."""
        for key in gone & self.incidents.keys():
            del self.incidents[key]
            self.changes += 1

    def _plainly_up(self, store: Store, seen: Evidence) -> bool:
        key = store.who.id
        sight = seen.sights.get(key)
        return (
            sight is not None
            and sight.look is Look.OK
            and store.state == UP
            and (sight.last or NEVER) >= seen.mono - 2 * seen.probe_s
            and key not in self.incidents
            and key not in seen.deaths
        )

    def _judge(self, store: Store, seen: Evidence, together: frozenset[int]) -> Liveness | None:
        sight = seen.sight(store)
        incident = self.incidents.get(store.who.id)
        if incident is not None:
            return self._since(store, sight, seen, incident)
        death = seen.deaths.get(store.who.id)
        if death is not None and death.mono > (sight.last_ok or NEVER):
            incident = self._begin(store, seen, death.said, "docker")
            incident.announced |= death.graceful
            return self._gone(store, seen, incident)
        if sight.last_ok is not None and sight.fresh(seen.mono, seen.probe_s):
            if sight.suspect:
                return self._suspect(store, sight, seen, together)
            if sight.fails:
                return _unseen(seen, f"one probe failed ({sight.detail}); looking again")
            if sight.look is Look.OK:
                return self._answers(store, seen)
        return self._by_pd(store, sight, seen)

    def _suspect(
        self, store: Store, sight: Sight, seen: Evidence, together: frozenset[int]
    ) -> Liveness:
        sane = (
            seen.newest_ok >= sight.first_fail
            or seen.pd_answered >= sight.first_fail - 2 * seen.pd_s
        )
        if not sane:
            how = "neither PD nor any other store can be reached from here"
            return Liveness(Life.BLIND, how, seen.at)
        incident = self._begin(store, seen, f"its status port {sight.detail}", "probe")
        incident.together = store.who.id in together
        return self._gone(store, seen, incident)

    def _answers(self, store: Store, seen: Evidence) -> Liveness | None:
        if store.state not in SILENT or not seen.pd_fresh:
            return None
        doubt = self._trust.doubts(store, seen.mono)
        if doubt:
            return _unseen(seen, doubt)
        how = "it answers on its status port, but PD hears no heartbeat from it"
        return Liveness(Life.CUT_OFF, how, seen.at)

    def _by_pd(self, store: Store, sight: Sight, seen: Evidence) -> Liveness | None:
        if not seen.pd_fresh:
            return _unseen(seen, f"PD cannot be read, and its status port: {sight.detail}")
        if store.state in SILENT:
            doubt = self._trust.doubts(store, seen.mono)
            if doubt:
                return _unseen(seen, doubt)
            incident = self._begin(store, seen, f"PD calls it {store.state}", "pd")
            incident.mark = store.heartbeat_at or 0.0
            return self._gone(store, seen, incident)
        if sight.last is None:
            return _unseen(seen, sight.detail)
        if store.leaving and sight.fails:
            return _leaving(seen)
        if store.state not in (UP, OFFLINE):
            return _unseen(seen, f"PD calls it {store.state!r}, which this program does not know")
        return None

    def _begin(self, store: Store, seen: Evidence, how: str, by: str) -> Incident:
        announced = store.who.id in seen.announced
        incident = Incident(seen.mono, seen.at, how, by, announced, store.leaders)
        self.incidents[store.who.id] = incident
        self.changes += 1
        return incident

    def _gone(self, store: Store, seen: Evidence, incident: Incident, also: str = "") -> Liveness:
        if store.leaving:
            return _leaving(seen)
        away_s = seen.mono - incident.began
        if incident.announced and away_s < self._guards.announced_s:
            how = f"announced restart, away {span(away_s)}"
            return Liveness(Life.AWAY, how, incident.since, away=True, excused=True)
        if incident.together and not incident.told and not self._pd_spoke(seen, incident):
            how = f"all stores stopped answering together {span(away_s)} ago: waiting for PD's word"
            return Liveness(Life.BLIND, how, incident.since)
        if not incident.told:
            incident.told = True
            self.changes += 1
        how = incident.how
        if store.state in SILENT and seen.pd_fresh and incident.by != "pd":
            how = f"{how}; PD confirms ({store.state})"
        if also:
            how = f"{how}; {also}"
        if incident.announced:
            how = f"{how}; its restart was announced, and it has not come back"
        return Liveness(
            Life.DOWN,
            how,
            incident.since,
            away=True,
            overdue=incident.announced,
            leaders=incident.leaders,
        )

    def _pd_spoke(self, seen: Evidence, incident: Incident) -> bool:
        """PD was readable for long enough after the beginning that a live store's heartbeat showed."""
        if not seen.pd_fresh or incident.mark is None:
            return False
        settled = self._trust.settled(seen.mono)
        return settled and seen.pd_began - incident.began >= self._guards.word_s

    def _since(
        self, store: Store, sight: Sight, seen: Evidence, incident: Incident
    ) -> Liveness | None:
        """An incident is open: still gone, on its way back, or over."""
        if incident.mark is None and seen.pd_began > incident.began:
            incident.mark = store.heartbeat_at or 0.0
            self.changes += 1
        # An incident that a probe told of proves that the store did answer once.
        proven = sight.last_ok is not None or incident.by == "probe"
        probed = proven and sight.fresh(seen.mono, seen.probe_s)
        if probed and sight.fails:
            return self._still_silent(store, seen, incident)
        if probed and sight.look is Look.OK:
            return self._returning(store, sight, seen, incident)
        if not seen.pd_fresh:
            how = f"neither PD nor its status port can be read ({incident.how})"
            return Liveness(Life.UNSEEN, how, incident.since, away=True)
        if store.state in SILENT or not _heard_since(store, incident):
            return self._gone(store, seen, incident)
        return self._returning(store, None, seen, incident)

    def _still_silent(self, store: Store, seen: Evidence, incident: Incident) -> Liveness:
        self._back(incident, None)
        if not (seen.pd_fresh and store.state == UP and _heard_since(store, incident)):
            return self._gone(store, seen, incident)
        if store.who.host in seen.silent_hosts:
            how = (
                "it still sends heartbeats to PD, but nothing on its host can be reached from here"
            )
            return Liveness(Life.BLIND, how, incident.since)
        how = "nobody answers on its status port, yet PD still hears its heartbeats"
        return Liveness(Life.CUT_OFF, how, incident.since, leaders=incident.leaders)

    def _returning(
        self, store: Store, sight: Sight | None, seen: Evidence, incident: Incident
    ) -> Liveness | None:
        """It answers again (`sight`; None: only PD can tell): what is still missing, if anything."""
        wait = self._missing(store, sight, seen, incident)
        if wait is None:
            del self.incidents[store.who.id]
            if incident.told:
                self.closed[store.who.id] = seen.mono
            self.changes += 1
            return None
        if sight is not None and self._unproven(store, seen, incident):
            also = "its status port answers again, perhaps for another process"
            return self._gone(store, seen, incident, also)
        gone = sight is not None and (
            sight.oks < OKS_TO_RETURN or not _heard_since(store, incident)
        )
        excused = incident.announced and not incident.told
        how = f"recovering: {wait}"
        return Liveness(Life.RECOVERING, how, incident.since, away=gone, excused=excused)

    def _unproven(self, store: Store, seen: Evidence, incident: Incident) -> bool:
        """Whether PD should have heard from it by now, if it were the store that answers."""
        return (
            seen.pd_fresh
            and store.state in SILENT
            and seen.mono - incident.began > self._guards.announced_s
            and not self._trust.doubts(store, seen.mono)
        )

    def _missing(
        self, store: Store, sight: Sight | None, seen: Evidence, incident: Incident
    ) -> str | None:
        if sight is not None and sight.oks < OKS_TO_RETURN:
            return f"it answers again ({sight.oks} of {OKS_TO_RETURN} probes)"
        if not seen.pd_fresh:
            return "it answers again, and PD cannot be asked about it"
        if store.state in SILENT or not _heard_since(store, incident):
            return f"it answers again, and PD waits for its heartbeat (PD says {store.state})"
        if store.busy and sight is None:
            return "PD hears from it, but it says that it is busy"
        self._back(incident, incident.back if incident.back is not None else seen.mono)
        waited = seen.mono - (incident.back or seen.mono)
        driven_out = store.evicting or store.leaving or store.who.id in seen.announced
        few = incident.leaders < FEW_LEADERS or driven_out
        enough = store.leaders >= LEADERS_BACK * incident.leaders
        if few or enough or waited >= self._guards.leaders_s:
            return None
        return f"{store.leaders} of its {incident.leaders} leaders are back"

    def _back(self, incident: Incident, since: float | None) -> None:
        if incident.back != since:
            incident.back = since
            self.changes += 1

    def _together(self, seen: Evidence) -> frozenset[int]:
        """Stores whose silence began together, if none that ever answered still does."""
        involved = [
            one
            for one in seen.stores
            if (found := self.incidents.get(one.who.id)) is None or found.together
        ]
        sights = [seen.sight(one) for one in involved]
        if len(involved) < 2 or any(one.last_ok is None or not one.fails for one in sights):
            return frozenset()
        firsts = [one.first_fail for one in sights]
        if max(firsts) - min(firsts) > max(self._guards.together_s, seen.probe_s):
            return frozenset()
        return frozenset(one.who.id for one in involved)


def _heard_since(store: Store, incident: Incident) -> bool:
    if incident.mark is None or store.heartbeat_at is None:
        return False
    return store.heartbeat_at > incident.mark + _IN_FLIGHT_S


def _unseen(seen: Evidence, how: str) -> Liveness:
    return Liveness(Life.UNSEEN, how, seen.at)


def _leaving(seen: Evidence) -> Liveness:
    how = "an operator asked it to leave, and it is silent"
    return Liveness(Life.LEAVING, how, seen.at, away=True)
