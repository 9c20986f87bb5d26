"""What undoing a kill of a twin's store takes, without a driver."""

from __future__ import annotations

from typing import Any

from core.twin.cluster import Layout
from core.twin.process import start_time
from core.twin.supervisor import Supervisor


def twin_undo(twin: Layout, name: str = "store-1", fault: str = "kill") -> dict[str, Any]:
    """As the driver would plan it now."""
    pid = Supervisor(twin.dir, None).pid(name) or 0
    return {
        "driver": "twin",
        "fault": fault,
        "folder": str(twin.dir),
        "cluster_id": twin.spec.cluster_id,
        "name": name,
        "kind": "store",
        "pid": pid,
        "start": start_time(pid) or "",
        "tls": None,
        "answers": twin.url(name) + "/status",
    }
