"""A TiKV subject on the scripted world, to be driven."""

from __future__ import annotations

from typing import Any

from core.clock import ManualClock
from core.subjects.tikv.build import tikv
from core.subjects.tikv.settings import Periods, TikvSettings
from core.subjects.tikv.subject import TikvSubject
from tests.core.subjects.driving import Drive, raise_it
from tests.world import World

__all__ = ["Drive", "subject"]


def subject(world: World, clock: ManualClock, **changes: Any) -> TikvSubject:
    """A subject on the world's PD, with the world's own addresses of status ports."""
    periods = changes.pop("periods", Periods())
    settings = TikvSettings(
        pd=tuple(world.pd.urls), status_addresses=world.overrides, periods=periods, **changes
    )
    return tikv("prod", settings, clock, raise_it)
