"""How PD members agree on a leader and copy to each other what etcd would keep."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.twin.clock import Pace, mono, sleep
from core.twin.log import Log
from core.twin.pd.document import Ballot, Document
from core.twin.spec import PdSpec, Spec
from core.twin.wire import Client, Request, Response, WireError

BEAT_S = 0.5  # etcd's tick-interval in PD
SILENCE_S = (11.1, 13.2)  # killed leader to new one, measured 11.1 to 13.6 s on four versions
LEASE_S = 5.0
# However fast the layout, a busy machine must not make leaders flap: real seconds.
LEASE_FLOOR_S, SILENCE_FLOOR_S = 1.0, 1.6
HAND_OVER_TRIES = 5
GRANT_S = 0.5  # a winner's first beat arrives well within it
FORGET_S = 60.0  # without a quorum members keep redirecting to the dead leader for 60 s


class Election:
    """One member's view: who leads, in which term, and whether we still hold the lease."""

    def __init__(self, spec: Spec, me: PdSpec, pace: Pace, log: Log, folder: Path) -> None:
        self._spec, self.me, self._pace, self._log = spec, me, pace, log
        self._ballot = Ballot(folder)
        self.document = Document(folder)
        self.leader: str | None = None
        self.leading = False
        self.started = asyncio.Event()
        self._lease_s, self._lease_until = pace.span(LEASE_S, LEASE_FLOOR_S), 0.0
        self._heard = -1e9
        self._granted_at = -1e9
        self._patience = 0.0
        self._acked: dict[str, int] = {}
        self._heeded: dict[str, float] = {}
        self._beats: dict[str, asyncio.Task[bool]] = {}
        self._wake = asyncio.Event()
        self._client = Client(spec.client_ssl)
        self.on_lead: Callable[[], None] = lambda: None

    @property
    def members(self) -> list[PdSpec]:
        removed = set(self.document.value["removed_members"])
        return [pd for pd in self._spec.pds if pd.name not in removed]

    @property
    def _others(self) -> list[PdSpec]:
        return [pd for pd in self.members if pd.name != self.me.name]

    @property
    def _majority(self) -> int:
        return len(self.members) // 2 + 1

    @property
    def term(self) -> int:
        return self._ballot.term

    def is_leader(self) -> bool:
        """True while our lease holds; a member that was stopped finds it run out."""
        if self.leading and mono() > self._lease_until:
            self._step_down("lease expired")
        return self.leading

    def redirect_to(self) -> PdSpec | None:
        """The member to forward to, dead or alive, or None when nobody is known any more."""
        if self.leader is None or self.leader == self.me.name:
            return None
        if mono() - self._heard > self._pace.span(FORGET_S):
            return None
        return self._spec.pd(self.leader)

    def acknowledged(self, name: str) -> bool:
        """Has this follower answered the leader's last beat?"""
        return name in self._acked

    async def run(self) -> None:
        """Beat while leading, campaign when the leader is silent; never returns."""
        self._patience = 0.05 * self._spec.pds.index(self.me)
        while True:
            if self.is_leader():
                self._beat_all()
                self._renew()
                await self._pause(self._pace.span(BEAT_S, 0.02))
            elif self.me in self.members and mono() - self._heard > self._patience:
                await self._campaign(force=False)
                if not self.leading:
                    await sleep(random.uniform(0.05, 0.2))
            else:
                await sleep(self._pace.span(0.25, 0.02))

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._wake.clear()

    def _beat_all(self) -> None:
        """One beat to each follower; one that is stuck holds up no other."""
        for pd in self._others:
            running = self._beats.get(pd.name)
            if running is None or running.done():
                self._beats[pd.name] = asyncio.create_task(self._beat(pd))

    def _renew(self) -> None:
        """The lease runs from when a majority was last known to follow us."""
        told = [self._heeded.get(pd.name, -1e9) for pd in self._others]
        newest = sorted([mono(), *told], reverse=True)[self._majority - 1]
        self._lease_until = max(self._lease_until, newest + self._lease_s)

    async def _beat(self, pd: PdSpec) -> bool:
        sent = mono()
        body: dict[str, Any] = {"term": self.term, "leader": self.me.name}
        behind = self._acked.get(pd.name, -1) < self.document.revision
        if behind:
            body["document"] = self.document.value
            body["revision"] = self.document.revision
        answer = await self._ask(pd, "beat", body, self._pace.span(1.0, 0.3))
        if answer is None:
            self._acked.pop(pd.name, None)
            return False
        if not answer["ok"]:
            if answer["term"] <= self.term:
                return False
            if answer["leader"] not in (None, self.me.name):
                self._ballot.cast(answer["term"])
                self._step_down("another leader has a newer term")
            elif self.leading:  # a candidate that lost raised it: lead on above it
                self._ballot.cast(answer["term"] + 1)
            return False
        self._acked[pd.name] = answer["revision"]
        self._heeded[pd.name] = sent
        self._renew()
        if answer["revision"] < self.document.revision:
            self._wake.set()  # changed while this beat was under way
        return True

    async def commit(self) -> None:
        """Store the changed document and wait until a majority has it (at most 1 s)."""
        revision = self.document.bump()
        self._wake.set()
        until = mono() + 1.0
        while mono() < until and self.leading:
            have = 1 + sum(1 for pd in self._others if self._acked.get(pd.name, -1) >= revision)
            if have >= self._majority:
                return
            await sleep(0.01)

    async def _campaign(self, force: bool) -> None:
        """Win a majority, first in a pre-vote: who cannot win must not raise everyone's term."""
        if not force and mono() - self._granted_at < GRANT_S:
            return
        body = {"term": self.term + 1, "revision": self.document.revision, "force": force}
        if not force and not await self._majority_grants({**body, "pre": True}):
            return
        term = self.term + 1
        self._ballot.cast(term, self.me.name)
        won = await self._majority_grants({**body, "term": term, "candidate": self.me.name})
        if won and self.term == term:
            self._win()

    async def _majority_grants(self, body: dict[str, Any]) -> bool:
        """Decide as soon as a majority has granted: one that hangs holds up no election."""
        limit = self._pace.span(2.0, 0.3)
        asked = {asyncio.create_task(self._ask(pd, "vote", body, limit)) for pd in self._others}
        granted, waiting = 1, asked
        while waiting and granted < self._majority:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            answers = [task.result() for task in done]
            granted += sum(1 for answer in answers if answer and answer["granted"])
            newest = max((answer["term"] for answer in answers if answer), default=0)
            if newest > self.term:
                self._ballot.cast(newest)  # catch up, so that the next attempt is not too low
        for task in waiting:
            task.cancel()
        return granted >= self._majority

    def _win(self) -> None:
        self.leading, self.leader = True, self.me.name
        self._lease_until = mono() + self._lease_s
        self._acked.clear()
        self._heeded.clear()
        self.started.set()
        self._log.info(
            "server.go:1790", "campaign PD leader ok", **{"campaign-leader-name": self.me.name}
        )
        self.on_lead()
        self._log.info(
            "server.go:1860", "PD leader is ready to serve", **{"leader-name": self.me.name}
        )

    def _step_down(self, why: str) -> None:
        self.leading = False
        self.leader = None
        self._heard = mono()
        self._patience = self._draw()
        self._log.warn(
            "server.go:1875",
            "no longer a leader because lease has expired, pd leader will step down",
            reason=why,
        )

    def _draw(self) -> float:
        return self._pace.span(random.uniform(*SILENCE_S), SILENCE_FLOOR_S)

    async def hand_over(self, name: str) -> bool:
        """Bring a follower up to date and let it take the lead; False when it cannot."""
        pd = self._spec.pd(name)
        for _ in range(HAND_OVER_TRIES):
            await self._beat(pd)
            answer = await self._ask(pd, "campaign", {}, 3.0)
            if answer is None or answer["ok"]:
                return answer is not None
            await sleep(0.05)  # something was committed meanwhile: it was behind again
        return False

    async def announce_removal(self, name: str) -> None:
        """Take a member out for good and tell it, so that its process ends."""
        pd = self._spec.pd(name)
        self.document.value["removed_members"].append(name)
        await self.commit()
        self._acked.pop(name, None)
        await self._beat(pd)

    async def serve(self, request: Request) -> Response | None:
        """The private routes that members use among themselves."""
        verb = request.path.removeprefix("/twin/peer/")
        routes = {"beat": self._on_beat, "vote": self._on_vote, "campaign": self._on_campaign}
        if request.method != "POST" or verb not in routes:
            return Response(404)
        answer = await routes[verb](json.loads(request.body))
        return Response(200, json.dumps(answer).encode(), "application/json")

    async def _on_beat(self, body: dict[str, Any]) -> dict[str, Any]:
        if body["term"] < self.term:
            return {"ok": False, "term": self.term, "leader": self.leader}
        if body["term"] > self.term:
            self._ballot.cast(body["term"])
        if self.leader != body["leader"]:
            self._log.info(
                "server.go:1712", "start to watch pd leader", **{"pd-leader": body["leader"]}
            )
        self.leading = False
        self.leader = body["leader"]
        self._heard = mono()
        self._patience = self._draw()
        if "document" in body:
            self.document.replace(body["document"], body["revision"])
        self.started.set()
        return {"ok": True, "term": self.term, "revision": self.document.revision}

    async def _on_vote(self, body: dict[str, Any]) -> dict[str, Any]:
        refuse = {"granted": False, "term": self.term}
        if not body.get("force") and not self._may_grant():
            return refuse
        if body["revision"] < self.document.revision or body["term"] < self.term:
            return refuse
        if body.get("pre"):
            return {"granted": True, "term": self.term}
        if body["term"] > self.term:
            self._ballot.cast(body["term"])
            self.leading = False
        if self._ballot.voted not in ("", body["candidate"]):
            return refuse
        self._ballot.cast(self.term, body["candidate"])
        self._granted_at = mono()
        return {"granted": True, "term": self.term}

    def _may_grant(self) -> bool:
        """Not while a leader is heard of, nor just after we helped somebody to win."""
        quiet = mono() - self._heard > self._pace.span(SILENCE_S[0] - 0.6, SILENCE_FLOOR_S - 0.1)
        fresh = mono() - self._granted_at < GRANT_S
        return not self.is_leader() and not fresh and (quiet or self.leader is None)

    async def _on_campaign(self, body: dict[str, Any]) -> dict[str, Any]:
        await self._campaign(force=True)
        return {"ok": self.leading}

    async def _ask(
        self, pd: PdSpec, verb: str, body: dict[str, Any], limit_s: float
    ) -> dict[str, Any] | None:
        try:
            answer = await self._client.call(
                "POST",
                f"{self._spec.peer_url(pd)}/twin/peer/{verb}",
                json.dumps(body).encode(),
                timeout_s=limit_s,
            )
            return dict(json.loads(answer.body)) if answer.status == 200 else None
        except (WireError, TimeoutError, ValueError):
            return None
