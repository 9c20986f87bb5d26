"""Sends waiting operators to the stores that lead their regions, as PD's heartbeat streams do."""

from __future__ import annotations

import asyncio
import json

from core.twin.clock import Pace, mono
from core.twin.pd.cluster import Cluster
from core.twin.pd.operators import Operator, Operators
from core.twin.spec import Spec
from core.twin.wire import Client, WireError

RESEND_S = 2.0


class Pusher:
    """Runs on the leader alone; an operator is sent again until its region has changed."""

    def __init__(self, spec: Spec, cluster: Cluster, operators: Operators, pace: Pace) -> None:
        self._cluster, self._operators, self._pace = cluster, operators, pace
        self._scheme = spec.scheme
        self._client = Client(spec.client_ssl)

    async def push(self) -> None:
        """Send what is due."""
        again = self._pace.span(RESEND_S, 0.3)
        running = self._operators.running.values()
        due = [operator for operator in running if mono() - operator.sent_at > again]
        await asyncio.gather(*(self._send(operator) for operator in due))

    async def _send(self, operator: Operator) -> None:
        operator.sent_at = mono()
        region = self._cluster.regions.get(operator.region.id)
        store = self._cluster.stores.get(str(region.leader)) if region else None
        if store is None:
            return
        url = f"{self._scheme}://{store['address']}/twin/operator"
        body = json.dumps({"action": operator.action}).encode()
        try:
            await self._client.call("POST", url, body, timeout_s=self._pace.span(2.0, 0.5))
        except (WireError, TimeoutError):
            return  # the region's leader is away: the operator waits and times out
