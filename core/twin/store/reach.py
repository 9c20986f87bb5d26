"""Which stores answer this one, since when not, and what it reports and logs about that."""

from __future__ import annotations

from core.twin.clock import Pace, mono
from core.twin.log import Log

COMPLAIN_S = 2.0  # real seconds between two complaints about the same store
FLOOR_S = 0.8  # real seconds: a busy machine must not look like a dead store
RPC_FAILED = (
    "Some(RpcFailure(RpcStatus { code: 14-UNAVAILABLE, "
    'message: "failed to connect to all addresses" }))'
)


class Reach:
    """Answers and failures by store id."""

    def __init__(self, me: int, pace: Pace, log: Log) -> None:
        self._me, self._pace, self._log = me, pace, log
        self._begun = mono()
        self._answered: dict[int, float] = {}
        self._complained: dict[int, float] = {}
        self.reports: dict[int, float] = {}

    def answered(self, store_id: int) -> None:
        self._answered[store_id] = mono()

    def silent_s(self, store_id: int) -> float:
        """Seconds (of a real cluster) since that store last answered; 0 for ourselves."""
        if store_id == self._me:
            return 0.0
        return (mono() - self._answered.get(store_id, self._begun)) * self._pace.speed

    def heard(self, store_id: int, within_s: float) -> bool:
        """Did it answer within so many seconds of a real cluster, or a moment ago?"""
        silent_s = self.silent_s(store_id)
        return silent_s < within_s or silent_s / self._pace.speed < FLOOR_S

    def failed(self, store_id: int, address: str) -> None:
        """Count an unreachable report, as survivors do at once, and log it now and then."""
        self.reports[store_id] = self.reports.get(store_id, 0.0) + 1.0
        if mono() - self._complained.get(store_id, -1e9) <= COMPLAIN_S:
            return
        self._complained[store_id] = mono()
        self._log.warn(
            "raft_client.rs:296",
            "RPC batch_raft fail",
            err=RPC_FAILED,
            sink_err="None",
            to_addr=address,
        )
        self._log.error("raft_client.rs:586", "connection abort", addr=address, store_id=store_id)
