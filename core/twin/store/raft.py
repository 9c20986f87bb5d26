"""Leaders, votes and reachability among stores: raft in outline, batched over regions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from core.twin import seed
from core.twin.clock import Pace, mono, sleep
from core.twin.log import Log
from core.twin.seed import Region
from core.twin.spec import Spec, StoreSpec, read_json, write_json
from core.twin.store.reach import FLOOR_S, Reach
from core.twin.wire import Client, WireError

BEAT_S = 1.0  # raft-base-tick-interval
ELECTION_S = (10.0, 20.0)  # 10 to 20 ticks
LEASE_S = 9.0  # raft-store-max-leader-lease
SNAPSHOT_S = 2.0


class Raft:
    """This store's regions and who leads them."""

    def __init__(
        self, spec: Callable[[], Spec], me: StoreSpec, pace: Pace, log: Log, home: Path
    ) -> None:
        self._spec, self.me, self._pace, self._log = spec, me, pace, log
        self._path = home / "raft.json"
        self.cut: Callable[[], bool] = lambda: False
        self.moved: set[int] = set()
        self.wake = asyncio.Event()
        self.reach = Reach(me.id, pace, log)
        self._seen: dict[int, float] = {}
        self._begun = mono()
        self._changing: set[int] = set()
        self._dirty = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._client = Client(spec().client_ssl)
        self.regions = self._restore()

    def _restore(self) -> dict[int, Region]:
        rows = read_json(self._path)
        if rows is None:
            first = {r.id: r for r in seed.regions(self._spec()).values() if self.me.id in r.peers}
            self.moved |= {r.id for r in first.values() if r.leader == self.me.id}
            self._claims: set[int] = set()
            return first
        kept = {row[0]: Region.from_json(row) for row in rows}
        self._claims = {r.id for r in kept.values() if r.leader == self.me.id}
        for region_id in self._claims:
            kept[region_id].leader = 0
        return kept

    def save(self) -> None:
        self._dirty = False
        write_json(self._path, [region.to_json() for region in self.regions.values()])

    # What we know -----------------------------------------------------------------------------
    def led(self) -> list[Region]:
        return [region for region in self.regions.values() if region.leader == self.me.id]

    def orphans(self) -> list[Region]:
        """Regions that we hold and whose leader is silent or unknown."""
        limit = mono() - self._pace.span(2.5, 0.3)
        return [
            region
            for region in self.regions.values()
            if region.leader != self.me.id and self._seen.get(region.id, self._begun) < limit
        ]

    def others(self) -> list[StoreSpec]:
        return [store for store in self._spec().stores if store.id != self.me.id]

    # Life -------------------------------------------------------------------------------------
    async def run(self) -> None:
        """Beat, check our quorum, campaign; never returns."""
        self.save()
        step = self._pace.span(BEAT_S, 0.05)
        while True:
            begun = mono()
            await self._beat_all()
            self._check_quorum()
            await self._elect()
            if self._dirty:
                self.save()
            try:
                async with asyncio.timeout(max(step - (mono() - begun), 0.01)):
                    await self.wake.wait()
            except TimeoutError:
                pass
            self.wake.clear()

    async def _beat_all(self) -> None:
        body = {"from": self.me.id, "regions": [region.to_json() for region in self.led()]}
        await asyncio.gather(*(self._beat(store, body) for store in self.others()))

    async def _beat(self, store: StoreSpec, body: dict[str, Any]) -> None:
        answer = await self._ask(store, "raft", body)
        if answer is None:
            self.reach.failed(store.id, f"{self._spec().host}:{store.port}")
        else:
            self.absorb(answer["from"], answer["regions"])

    def absorb(self, sender: int, rows: Iterable[list[Any]]) -> None:
        """Take what a store says it leads; newer terms and epochs win."""
        now = mono()
        self.reach.answered(sender)
        for row in rows:
            fresh = Region.from_json(row)
            known = self.regions.get(fresh.id)
            if known and (known.term, known.conf_ver) > (fresh.term, fresh.conf_ver):
                continue
            if self.me.id not in fresh.peers:
                self._drop(known)
                continue
            if known is None or known.leader != fresh.leader or known.conf_ver != fresh.conf_ver:
                self.regions[fresh.id] = fresh
                self._dirty = True
                self._claims.discard(fresh.id)
            self.regions[fresh.id].term = fresh.term
            self._seen[fresh.id] = now

    def _drop(self, known: Region | None) -> None:
        if known is not None:
            del self.regions[known.id]
            self._log.info(
                "peer.rs:1340",
                "begin to destroy",
                region_id=known.id,
                peer_id=known.peers.get(self.me.id, 0),
            )

    def _check_quorum(self) -> None:
        limit = ELECTION_S[0]
        for region in self.led():
            heard = sum(1 for store in region.peers if self.reach.heard(store, limit))
            if heard < len(region.peers) // 2 + 1:
                region.leader = 0
                self._seen[region.id] = mono()
                self._log.warn(
                    "raft.rs:1130",
                    "stepped down to follower since quorum is not active",
                    region_id=region.id,
                )

    async def _elect(self) -> None:
        due = [region for region in self.regions.values() if self._due(region)]
        if due:
            await self.campaign(due, force=False)

    def _due(self, region: Region) -> bool:
        if region.leader == self.me.id:
            return False
        if region.id in self._claims:
            return True
        low, high = ELECTION_S
        draw = (region.id * 31 + self.me.id * 17 + region.term * 7) % 100 / 100
        patience = self._pace.span(low + (high - low) * draw, FLOOR_S + draw)
        return mono() - self._seen.get(region.id, self._begun) > patience

    async def campaign(self, due: list[Region], force: bool) -> None:
        """Ask the other voters; lead each region for which a majority agrees."""
        ballots: dict[int, list[list[int]]] = {}
        for region in due:
            for store in region.peers:
                if store != self.me.id:
                    ballots.setdefault(store, []).append([region.id, region.term + 1])
        votes = {region.id: 1 for region in due}
        voters = [store for store in self.others() if store.id in ballots]
        answers = await asyncio.gather(
            *(
                self._ask(s, "vote", {"from": self.me.id, "ballots": ballots[s.id], "force": force})
                for s in voters
            )
        )
        for answer in answers:
            for region_id in answer["granted"] if answer else ():
                votes[region_id] += 1
        won = [r for r in due if votes[r.id] >= len(r.peers) // 2 + 1 and r.leader != self.me.id]
        for region in won:
            self._win(region)
        if won:
            self.wake.set()

    def _win(self, region: Region) -> None:
        region.term += 1
        region.leader = self.me.id
        self._dirty = True
        self._claims.discard(region.id)
        self.moved.add(region.id)
        peer = region.peers.get(self.me.id, 0)
        self._log.info(
            "raft.rs:902",
            f"became leader at term {region.term}",
            term=region.term,
            raft_id=peer,
            region_id=region.id,
        )

    # Answers ----------------------------------------------------------------------------------
    def on_beat(self, body: dict[str, Any]) -> dict[str, Any]:
        self.absorb(body["from"], body["regions"])
        return {"from": self.me.id, "regions": [region.to_json() for region in self.led()]}

    def on_vote(self, body: dict[str, Any]) -> dict[str, Any]:
        granted = []
        quiet = mono() - self._pace.span(LEASE_S, FLOOR_S)
        for region_id, term in body["ballots"]:
            region = self.regions.get(region_id)
            if region is None or term <= region.term:
                continue
            leased = region.leader == self.me.id or self._seen.get(region_id, -1e9) > quiet
            if body["force"] or not leased:
                region.term, region.leader = term, 0
                self._seen[region_id] = mono()
                granted.append(region_id)
        return {"granted": granted}

    async def on_transfer(self, body: dict[str, Any]) -> dict[str, Any]:
        """The present leader asks us to take over at once (MsgTimeoutNow)."""
        self.absorb(body["from"], [body["region"]])
        region = self.regions.get(body["region"][0])
        if region is not None:
            await self.campaign([region], force=True)
        return {"ok": region is not None and region.leader == self.me.id}

    # Orders of PD -----------------------------------------------------------------------------
    def order(self, action: dict[str, Any]) -> bool:
        """Start what PD asks of a region that we lead; False when we do not lead it."""
        region = self.regions.get(action["region"])
        if region is None or region.leader != self.me.id:
            return False
        if region.id not in self._changing:
            self._changing.add(region.id)
            task = asyncio.create_task(self._carry_out(region, action))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return True

    async def _carry_out(self, region: Region, action: dict[str, Any]) -> None:
        try:
            if action["do"] == "lead":
                await self._hand_over(region, action["to"])
            else:
                await self._change_peers(region, dict(action["peers"]))
        finally:
            self._changing.discard(region.id)

    async def _hand_over(self, region: Region, to: int) -> None:
        target = next((store for store in self.others() if store.id == to), None)
        if target is None or to not in region.peers:
            return
        self._log.info(
            "peer.rs:3650", "transfer leader", region_id=region.id, peer=region.peers[to]
        )
        await self._ask(target, "transfer", {"from": self.me.id, "region": region.to_json()})

    async def _change_peers(self, region: Region, peers: dict[int, int]) -> None:
        if self.me.id not in peers:
            stay = [s for s in peers if s in region.peers and self.reach.heard(s, 3 * BEAT_S)]
            if stay:
                await self._hand_over(region, stay[0])
            return  # PD asks the new leader again
        new = [store for store in peers if store not in region.peers]
        await sleep(self._pace.span(SNAPSHOT_S if new else 0.2))
        if region.leader != self.me.id or not all(self.reach.heard(s, 3 * BEAT_S) for s in new):
            return
        region.conf_ver += len(new) + sum(1 for store in region.peers if store not in peers)
        region.peers = peers
        self.moved.add(region.id)
        self._log.info("peer.rs:5110", "notify pd with change peer region", region_id=region.id)
        self._dirty = True
        self.wake.set()

    async def _ask(
        self, store: StoreSpec, verb: str, body: dict[str, Any]
    ) -> dict[str, Any] | None:
        if self.cut():
            return None
        url = f"{self._spec().raft_url(store)}/twin/{verb}"
        try:
            answer = await self._client.call(
                "POST", url, json.dumps(body).encode(), timeout_s=self._pace.span(2.0, 0.4)
            )
            return dict(json.loads(answer.body)) if answer.status == 200 else None
        except (WireError, TimeoutError, ValueError):
            return None
