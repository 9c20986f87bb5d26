"""Undoing harm: looks, undoes only what our fault changed, and looks again.

Standard library only, and nothing of ours but the healers beside it: the same code runs in the bot
(in a thread) and in the detached healer that outlives it. Whoever calls it may call it again at any
time; healing twice does no harm.

What is to be undone is a JSON object. `driver` names the healer; `lands_until` (seconds since the
epoch) is the latest instant at which the injecting call could still take effect; `returned` is true
once that call is known to have ended. The rest is the healer's own.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from core.chaos.undo_ending import FINAL, HEALED, NEVER_LANDED, NOT_YET, UNKNOWN, VANISHED, Healed

__all__ = [
    "FINAL",
    "HEALED",
    "NEVER_LANDED",
    "NOT_YET",
    "UNKNOWN",
    "VANISHED",
    "Healed",
    "heal",
    "healer",
]

HEALERS = {
    "docker": "core.chaos.undo_docker",
    "twin": "core.chaos.undo_twin",
    "pd": "core.chaos.undo_pd",
}
"""Each module has `heal(undo: Mapping, now: float) -> Healed`: may raise OSError when what it asks
is out of reach, and must bound each of its calls (a few seconds)."""


def healer(undo: Mapping[str, Any]) -> Callable[[Mapping[str, Any], float], Healed]:
    """What undoes this, loaded; KeyError or ImportError if there is none."""
    found: Callable[[Mapping[str, Any], float], Healed]
    found = importlib.import_module(HEALERS[str(undo.get("driver"))]).heal
    return found


def heal(undo: Mapping[str, Any], now: float) -> Healed:
    """Undo once; never raises. Final only if the harm can no longer land."""
    try:
        act = healer(undo)
    except (KeyError, ImportError):
        return Healed(UNKNOWN, f"there is no healer called {undo.get('driver')!r}")
    try:
        found = act(undo, now)
    except OSError as error:
        return Healed(UNKNOWN, f"out of reach: {error}")
    except Exception as error:  # noqa: BLE001 - a healer never gives up: it says why and goes on
        return Healed(UNKNOWN, f"{type(error).__name__}: {error}")
    return _settled(undo, found, now)


def _settled(undo: Mapping[str, Any], found: Healed, now: float) -> Healed:
    returned = bool(undo.get("returned"))
    if found.ending == NEVER_LANDED and returned:
        # The call came back saying that it was done, so somebody else undid it before us.
        found = Healed(HEALED, found.why, found.did)
    lands_until = float(undo.get("lands_until") or 0.0)
    if found.final and found.ending != VANISHED and not returned and now < lands_until:
        wait = f"the fault may still land for another {lands_until - now:.0f} s"
        return Healed(NOT_YET, wait, found.did)
    return found
