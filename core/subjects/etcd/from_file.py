"""A `[[subjects]]` table of kind "etcd" as EtcdSettings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from core.errors import Invalid
from core.records import into
from core.subjects.etcd.settings import EtcdSettings
from core.subjects.overrides import read


def settings(name: str, table: Mapping[str, Any]) -> EtcdSettings:
    """The settings that the table gives; Invalid names the key that is wrong."""
    where = f"subject {name!r}"
    if "endpoints" not in table:
        raise Invalid(
            f"{where}: 'endpoints' is missing: list the members' client URLs, as in "
            'endpoints = ["http://etcd1:2379"].'
        )
    plain = dict(table)
    overrides = read(plain.pop("invariants", {}), where)
    return replace(into(EtcdSettings, plain, where), invariants=overrides)
