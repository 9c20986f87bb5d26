"""Breaking PD's peace by its own means: moves its leadership, drives region leaders from a store.

Needs no Docker, so that clusters run by TiUP or on Kubernetes have experiments too.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.chaos.driver import Entities
from core.chaos.drivers.params import known_params
from core.chaos.model import Fault, Plan, Target
from core.clients.failures import PdFailed, PdUncertain
from core.clients.pd import Pd
from core.clients.pd_admin import PdAdmin
from core.clock import Clock
from core.errors import NotFound, Refused, Unavailable

NAME = "pd"
LANDS_S = 15.0
"""A transfer that was sent may still take effect for so long: an election of PD takes 11 to 13 s."""
_CAN = (Fault.TRANSFER_LEADER, Fault.EVICT_LEADERS)
WHY_NOT = "PD can only move leaders: processes and networks need the driver docker or twin"


class PdDriver:
    """Changes PD itself; see core.chaos.driver.Driver."""

    name = NAME

    def __init__(
        self, pd: Pd, clock: Clock, tls: Mapping[str, str] | None, entities: Entities
    ) -> None:
        """`tls`: paths (ca, cert, key) for the healer, None for plain HTTP."""
        self._pd = pd
        self._clock = clock
        self._admin = PdAdmin(pd)
        # The detached healer works elsewhere: its paths must not depend on where we are.
        self._tls = tls and {key: str(Path(v).absolute()) if v else "" for key, v in tls.items()}
        self._entities = entities

    async def faults(self) -> Mapping[Fault, str]:
        """Two of them."""
        return {fault: "" if fault in _CAN else WHY_NOT for fault in Fault}

    async def targets(self) -> tuple[Target, ...]:
        """Every store and every member."""
        found = await self._entities()
        return tuple(_target(entity, names) for entity, names in found.items())

    async def find(self, entity: str) -> Target:
        """A store or a member that PD lists."""
        names = (await self._entities()).get(entity)
        if names is None:
            raise Refused(f"PD lists no {entity}.")
        return _target(entity, names)

    async def plan(
        self, fault: Fault, target: Target, params: Mapping[str, Any], duration_s: float
    ) -> Plan:
        """Read who leads, or who is driven out, now."""
        if fault is Fault.TRANSFER_LEADER:
            return await self._plan_transfer(target, params)
        if fault is Fault.EVICT_LEADERS:
            return await self._plan_eviction(target, params)
        raise Refused(f"PD cannot do {fault}: {WHY_NOT}.")

    def _undo(self, fault: Fault, **more: Any) -> dict[str, Any]:
        urls = list(self._pd.endpoints)
        return {"driver": NAME, "fault": str(fault), "urls": urls, "tls": self._tls, **more}

    async def _plan_transfer(self, target: Target, params: Mapping[str, Any]) -> Plan:
        known_params(Fault.TRANSFER_LEADER, params, ("to",))
        leader = (await self._pd.members()).leader
        led = leader.name if leader else ""
        if target.entity != f"pd:{led}":
            raise Refused(f"{target.entity} does not lead PD; {led or 'nobody'} does.")
        well = sorted(one.name for one in await self._pd.health() if one.health)
        others = [name for name in well if name != led]
        to = str(params.get("to") or (others[0] if others else ""))
        if to not in others:
            there = ", ".join(others) or "none"
            raise Refused(f"PD's leadership can go to another healthy member: {there}.")
        return Plan(
            fault=Fault.TRANSFER_LEADER,
            target=target,
            params=dict(params),
            before={"leader": led},
            undo=self._undo(Fault.TRANSFER_LEADER, **{"from": led, "to": to}),
            lands_within_s=LANDS_S,
            words=f"hand PD's leadership from {led} to {to}",
            undo_words=f"hand it back to {led}, if {to} still leads then",
            radius="timestamps and scheduling pause for some seconds, twice",
        )

    async def _plan_eviction(self, target: Target, params: Mapping[str, Any]) -> Plan:
        known_params(Fault.EVICT_LEADERS, params, ())
        number = target.entity.partition(":")[2]
        if not target.entity.startswith("store:") or not number.isdigit():
            raise Refused(f"Leaders are driven from a store, and {target.entity} is none.")
        if int(number) in await self._pd.evicting():
            raise Refused(f"Leaders are being driven from {target.entity} already.")
        return Plan(
            fault=Fault.EVICT_LEADERS,
            target=target,
            params=dict(params),
            before={"evicting": False},
            undo=self._undo(Fault.EVICT_LEADERS, store_id=int(number)),
            lands_within_s=LANDS_S,
            words=f"have PD drive all region leaders from store {number}",
            undo_words="take the scheduler away again; leaders come back by themselves",
            radius=f"the leaders of store {number} move to the others, which serve its load",
        )

    async def inject(self, plan: Plan) -> None:
        """Ask PD for it, once."""
        try:
            if plan.fault is Fault.TRANSFER_LEADER:
                await self._admin.transfer_leader(str(plan.undo["to"]))
                await self._handed_over(str(plan.undo["from"]))
            else:
                await self._admin.evict_leaders(int(plan.undo["store_id"]))
        except NotFound as error:
            raise Refused(error.text) from None
        except PdUncertain as error:
            raise Unavailable(error.text) from None
        except PdFailed as error:
            raise Refused(f"PD did not do it: {error.text}") from None

    async def _handed_over(self, led: str) -> None:
        """PD only takes the order: the harm has landed once another leads."""
        until = self._clock.monotonic() + LANDS_S
        while self._clock.monotonic() < until:
            try:
                leader = (await self._pd.members()).leader
            except PdFailed:
                leader = None  # between two leaders nobody answers
            if leader is not None and leader.name not in ("", led):
                return
            await self._clock.sleep(0.1)
        raise Unavailable(f"PD took the order, and {led} still leads after {LANDS_S:g} s.")

    async def close(self) -> None:
        """What it asks by is the subject's own."""


def _target(entity: str, names: tuple[str, ...]) -> Target:
    return Target(NAME, entity, names[0] if names else entity, {"entity": entity})
