"""Slack's rate limits: tiers by method, and posts by channel (slack.md 2.2)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bot.local.cast import Limits
from bot.local.clock import Clock


@dataclass(slots=True)
class Bucket:
    """Tokens that come back at `rate` a second, up to `size`."""

    rate: float
    size: float
    tokens: float
    at: float

    def missing(self, now: float) -> float:
        """Seconds until a token is there; 0 when one is."""
        self.tokens = min(self.size, self.tokens + (now - self.at) * self.rate)
        self.at = now
        return 0.0 if self.tokens >= 1 else (1 - self.tokens) / self.rate


class RateLimits:
    """Decides whether a call passes; a refused call costs nothing."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self.limits = limits
        self._clock = clock
        self._buckets: dict[str, Bucket] = {}

    def retry_after(self, method: str, tier: str, channel: str) -> int:
        """Whole seconds to wait, 0 when the call may pass."""
        if not self.limits.enabled:
            return 0
        now = self._clock.monotonic()
        buckets = self._of(method, tier, channel, now)
        missing = max(bucket.missing(now) for bucket in buckets)
        if missing > 0:
            return max(1, math.ceil(missing))
        for bucket in buckets:
            bucket.tokens -= 1
        return 0

    def _of(self, method: str, tier: str, channel: str, now: float) -> list[Bucket]:
        limits = self.limits
        if method in limits.methods:
            return [self._bucket(method, limits.methods[method], now)]
        if tier != "post":
            return [self._bucket(method, limits.tiers[tier], now)]
        whole = self._bucket("posts", limits.posts_per_min, now)
        key = f"post {channel}"
        if key not in self._buckets:
            size = float(limits.post_burst)
            self._buckets[key] = Bucket(limits.post_per_s, size, size, now)
        return [whole, self._buckets[key]]

    def _bucket(self, key: str, per_min: float, now: float) -> Bucket:
        if key not in self._buckets:
            # A minute's worth at once is tolerated: the tiers are counted by the minute.
            self._buckets[key] = Bucket(per_min / 60, max(per_min, 1.0), max(per_min, 1.0), now)
        return self._buckets[key]

    def replace(self, limits: Limits) -> None:
        """Other limits from now on, with full buckets."""
        self.limits = limits
        self._buckets.clear()
