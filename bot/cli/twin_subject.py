"""A twin as a subject of the configuration: its PD, its logs, and that it may be broken."""

from __future__ import annotations

from core.config import SubjectConfig
from core.twin.cluster import Layout


def subject_of(layout: Layout, name: str) -> SubjectConfig:
    """What `[[subjects]]` would say of this twin."""
    spec = layout.spec
    known = {f"{spec.host}:{one.port}": one.name for one in spec.stores}
    known |= {one.name: one.name for one in spec.pds}
    return SubjectConfig.model_validate(
        {
            "name": name,
            "kind": "tikv",
            "pd": list(layout.pd_urls),
            "logs": {at: {"path": str(layout.log(node))} for at, node in known.items()},
            "chaos": {"enabled": True, "drivers": ["twin", "pd"], "twin": str(layout.dir)},
        }
    )
