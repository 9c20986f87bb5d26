"""Named points of the way from event to effect, where a harness may end the process."""

from __future__ import annotations

from collections.abc import Callable

NAMES = (
    "delivery.handled",
    "delivery.committed",
    "sender.chosen",
    "sender.sending",
    "sender.called",
    "sender.recorded",
    "sender.found",
    "sender.adopted",
)
"""In the order in which an effect passes them; the last two only when it is looked up."""


def _nothing(_name: str) -> None:
    return None


class Points:
    """Calls `reached(name)` at each point; in the product that does nothing."""

    def __init__(self, reached: Callable[[str], None] = _nothing) -> None:
        self.reach = reached
