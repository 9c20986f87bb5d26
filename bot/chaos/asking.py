"""What the dialogue of an experiment carries there and back.

It is not trusted: experiment, subject, target and duration are looked up and bounded again, and the
runner checks everything once more before anything is touched.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from core.errors import Invalid


@dataclass(frozen=True, slots=True)
class Wish:
    """What a dialogue was about: names and numbers only."""

    experiment: str
    subject: str
    target: str
    duration_s: float


def written(wish: Wish) -> str:
    """A wish as the dialogue carries it."""
    kept = [wish.experiment, wish.subject, wish.target, wish.duration_s]
    return json.dumps(["c1", *kept], ensure_ascii=True, separators=(",", ":"))


def read(text: str) -> Wish:
    """The reverse. Invalid for what is not ours, or of another release."""
    try:
        mark, experiment, subject, target, duration_s = json.loads(text)
    except (ValueError, TypeError):
        raise Invalid(_STALE) from None
    strings = all(isinstance(one, str) for one in (experiment, subject, target))
    length = isinstance(duration_s, int | float) and not isinstance(duration_s, bool)
    if mark != "c1" or not strings or not length:
        raise Invalid(_STALE)
    return Wish(experiment, subject, target, float(duration_s))


_STALE = "That form cannot be read any more. Run the command again."
