"""How fast Slack may be called: a bucket per channel for posts, one for all edits.

Slack takes about one post a second and channel with short bursts, and 50 edits a minute for the
whole workspace (its tier 3). A refusal pauses exactly the bucket that it is about.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.clock import Clock

POST_EVERY_S = 1.02
"""One post a second and channel, with a margin for jitter on the way."""
POST_BURST = 3.0
EDITS_A_MINUTE = 35.0
EDIT_BURST = 10.0
"""Burst and refill together stay within 45 edits in any minute."""
EDITS_KEPT_FOR_PEOPLE = 4.0
CAREFUL_S = 60.0
"""After a refusal a channel gets no bursts for this long."""


@dataclass(slots=True)
class Bucket:
    """Tokens that come back at `per_s` up to `size`; nothing passes before `until`."""

    per_s: float
    size: float
    tokens: float
    at: float
    until: float = 0.0
    careful_until: float = 0.0

    def refill(self, now: float) -> None:
        """Count what came back until `now`."""
        size = 1.0 if now < self.careful_until else self.size
        self.tokens = min(size, self.tokens + max(now - self.at, 0.0) * self.per_s)
        self.at = now

    def wait_s(self, now: float, keep: float = 0.0) -> float:
        """Seconds until one token beyond `keep` is there; 0 when it is."""
        self.refill(now)
        missing = 1.0 + keep - self.tokens
        # A hair less than a token is one: rounding must not cost another round.
        lacking = missing / self.per_s if missing > 0.001 else 0.0
        return max(lacking, self.until - now, 0.0)


class Rates:
    """All buckets, on the monotonic clock."""

    def __init__(self, clock: Clock, post_every_s: float = POST_EVERY_S) -> None:
        self._clock = clock
        self._post_every_s = post_every_s
        self._posts: dict[str, Bucket] = {}
        now = clock.monotonic()
        self._edits = Bucket(EDITS_A_MINUTE / 60, EDIT_BURST, EDIT_BURST, now)

    def _bucket(self, channel: str, edit: bool) -> Bucket:
        if edit:
            return self._edits
        if channel not in self._posts:
            now = self._clock.monotonic()
            self._posts[channel] = Bucket(1 / self._post_every_s, POST_BURST, POST_BURST, now)
        return self._posts[channel]

    def blocked(self, channel: str) -> dict[str, float]:
        """What must wait, and for how many seconds: "post", "edit", "upkeep" (edits that nobody
        waits for)."""
        now = self._clock.monotonic()
        waits = {
            "post": self._bucket(channel, False).wait_s(now),
            "edit": self._edits.wait_s(now),
            "upkeep": self._edits.wait_s(now, EDITS_KEPT_FOR_PEOPLE),
        }
        return {what: wait for what, wait in waits.items() if wait > 0}

    def spend(self, channel: str, *, edit: bool) -> None:
        """A call is about to be made."""
        bucket = self._bucket(channel, edit)
        bucket.refill(self._clock.monotonic())
        bucket.tokens = max(bucket.tokens - 1.0, 0.0)

    def ended(self, channel: str, *, edit: bool) -> None:
        """The call is over: it reached Slack at this moment at the latest, so count from here."""
        bucket = self._bucket(channel, edit)
        if bucket.tokens < 1.0:
            bucket.tokens = 0.0
            bucket.at = self._clock.monotonic()

    def limited(self, channel: str, retry_after_s: float, *, edit: bool) -> None:
        """Slack refused: nothing of this kind before `retry_after_s` are over."""
        bucket = self._bucket(channel, edit)
        now = self._clock.monotonic()
        bucket.until = max(bucket.until, now + retry_after_s)
        bucket.careful_until = bucket.until + CAREFUL_S
        # One may go when the pause is over, the next a full interval after it.
        bucket.tokens, bucket.at = 1.0, bucket.until
