"""From the tables of a TOML file to a frozen dataclass, with errors that name the key.

A field that ends in `_s` takes a duration and may be written without the ending ("hold" for
`hold_s`).
"""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from core.durations import seconds
from core.errors import Invalid

T = TypeVar("T")


def unknown_key(where: str, key: str, known: Iterable[str]) -> Invalid:
    """The error for a key that nothing reads."""
    near = difflib.get_close_matches(key, [k.removesuffix("_s") for k in known], n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return Invalid(f"{where}: unknown key {key!r}{hint}.")


def into(kind: type[T], data: Mapping[str, Any], where: str) -> T:
    """`data` as a `kind`. Invalid names the key inside `where` that does not fit."""
    hints = typing.get_type_hints(kind)
    names = [f.name for f in dataclasses.fields(typing.cast(Any, kind))]
    values: dict[str, Any] = {}
    for key, value in data.items():
        name = key if key in names else f"{key}_s"
        if name not in names:
            raise unknown_key(where, key, names)
        values[name] = _fitted(hints[name], name, value, f"{where}.{key}")
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise Invalid(f"{where}: {error}.") from None


def _fitted(hint: Any, name: str, value: Any, where: str) -> Any:
    nested = _dataclass_in(hint)
    if nested is not None and isinstance(value, Mapping):
        if typing.get_origin(hint) in (Mapping, typing.get_origin(Mapping[str, Any])):
            return {k: into(nested, v, f"{where}.{k}") for k, v in value.items()}
        return into(nested, value, where)
    if name.endswith("_s"):
        return duration(value, where)
    if typing.get_origin(hint) is tuple and isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def duration(value: Any, where: str) -> float:
    """Seconds from a duration in the file; Invalid names the key."""
    try:
        return seconds(value)
    except ValueError as error:
        raise Invalid(f"{where}: {error}.") from None


def _dataclass_in(hint: Any) -> Any:
    if dataclasses.is_dataclass(hint):
        return hint
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is not None:
        for inner in typing.get_args(hint):
            if found := _dataclass_in(inner):
                return found
    return None
