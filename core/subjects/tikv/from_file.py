"""A `[[subjects]]` table of kind "tikv" as TikvSettings."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from core.errors import Invalid
from core.records import duration, into
from core.subjects.tikv.settings import TikvSettings


def settings(name: str, table: Mapping[str, Any]) -> TikvSettings:
    """The settings that the table gives; Invalid names the key that is wrong."""
    where = f"subject {name!r}"
    if "pd" not in table:
        raise Invalid(
            f"{where}: 'pd' is missing: list the addresses of PD, as in pd = [\"pd1:2379\"]."
        )
    plain = dict(table)
    overrides = plain.pop("invariants", {})
    made = into(TikvSettings, plain, where)
    return _with_overrides(made, overrides, where)


def _with_overrides(made: TikvSettings, overrides: Any, where: str) -> TikvSettings:
    if not overrides:
        return made
    if not isinstance(overrides, Mapping):
        raise Invalid(f"{where}.invariants must be tables, as in [subjects.invariants.store_slow].")
    read = {}
    for invariant, values in overrides.items():
        place = f"{where}.invariants.{invariant}"
        if not isinstance(values, Mapping):
            raise Invalid(f'{place} must be a table, as in hold = "2m".')
        read[str(invariant)] = dict(_override(place, *item) for item in values.items())
    return dataclasses.replace(made, invariants=read)


def _override(place: str, key: str, value: Any) -> tuple[str, Any]:
    if key in ("hold", "recover", "hold_s", "recover_s"):
        return key.removesuffix("_s") + "_s", duration(value, f"{place}.{key}")
    if key.endswith("_s"):
        return key, duration(value, f"{place}.{key}")
    return key, value
