"""A `[[subjects]]` table of kind "tikv" as TikvSettings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from core.errors import Invalid
from core.records import into
from core.subjects.overrides import read
from core.subjects.tikv.settings import TikvSettings


def settings(name: str, table: Mapping[str, Any]) -> TikvSettings:
    """The settings that the table gives; Invalid names the key that is wrong."""
    where = f"subject {name!r}"
    if "pd" not in table:
        raise Invalid(
            f"{where}: 'pd' is missing: list the addresses of PD, as in pd = [\"pd1:2379\"]."
        )
    plain = dict(table)
    overrides = read(plain.pop("invariants", {}), where)
    return replace(into(TikvSettings, plain, where), invariants=overrides)
