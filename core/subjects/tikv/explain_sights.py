"""What the probes saw of a store's status port, as evidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.subjects.sight import Look, Sight
from core.subjects.tikv.evidence import Incident


def seen(sight: Sight) -> tuple[bool, str]:
    """Whether it answered the last probe, and what was seen if not."""
    return sight.look is Look.OK, sight.detail


def bad(sight: Sight | None) -> bool:
    """Whether it was probed, and did not answer."""
    return sight is not None and sight.last is not None and sight.look is not Look.OK


def probed(now: Mapping[str, Any], sight: Sight | None) -> Mapping[str, Any]:
    """What the port said just now; that it refuses is known surely, where this look only ran out of time."""
    refused = sight is not None and sight.look is Look.REFUSED
    if refused and not now["ok"] and "timed out" in now["said"]:
        return {"ok": False, "said": "connection refused"}
    return now


def timeline(
    sight: Sight | None, incident: Incident | None, mono: float, taken_at: float
) -> list[dict[str, Any]]:
    """When its trouble began and ended; `mono` is the monotonic time of `taken_at`."""
    told: list[dict[str, Any]] = []
    if sight is not None and sight.fails and sight.last_ok is not None:
        told.append({"at": taken_at - (mono - sight.last_ok), "ok": True, "said": ""})
        began = taken_at - (mono - sight.first_fail)
        told.append({"at": began, "ok": False, "said": sight.detail})
    elif incident is not None:
        told.append({"at": incident.since, "ok": False, "said": incident.how})
        if incident.back is not None:
            told.append({"at": taken_at - (mono - incident.back), "ok": True, "said": ""})
    return told
