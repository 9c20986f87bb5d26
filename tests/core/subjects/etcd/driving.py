"""An etcd subject on the scripted cluster, to be driven."""

from __future__ import annotations

from typing import Any

from core.clock import ManualClock
from core.subjects.etcd.build import etcd
from core.subjects.etcd.settings import EtcdSettings
from core.subjects.etcd.subject import EtcdSubject
from tests.core.subjects.driving import Drive, raise_it
from tests.world_etcd import EtcdWorld

__all__ = ["Drive", "subject"]


def subject(world: EtcdWorld, clock: ManualClock, **changes: Any) -> EtcdSubject:
    """A subject that is told every member's address."""
    settings = EtcdSettings(**{"endpoints": world.urls, **changes})
    return etcd("conf", settings, clock, raise_it)
