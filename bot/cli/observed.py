"""A configured subject as a command sees it that runs beside the bot: made, and looked at."""

from __future__ import annotations

from core.clock import SystemClock
from core.config import Config
from core.errors import Unavailable
from core.subject import Subject
from core.wiring import build_subjects

LOOKS = 3
"""A subject that was just made has seen nothing: it looks so often before it is asked to explain."""
LOOK_S = 0.7


async def observed(config: Config, name: str) -> Subject | None:
    """The subject as configured, having looked around; None if it is not in the configuration."""
    clock, found = SystemClock(), None
    for one in build_subjects(config, clock):
        if one.name == name:
            found = one
        else:
            await one.close()
    for _ in range(LOOKS if found is not None else 0):
        assert found is not None
        await found.observe()
        await clock.sleep(LOOK_S)
    return found


def not_configured(subject: str, ticket: int) -> Unavailable:
    """What is said where it is not."""
    return Unavailable(
        f"The subject {subject!r} of ticket {ticket} is not in the configuration: give --config."
    )
