"""What is wrong with a configuration, in words that name the key and the nearest known one."""

from __future__ import annotations

import difflib
from typing import Any

from pydantic import BaseModel, ValidationError


def in_words(error: ValidationError, whole: type[BaseModel], place: str) -> str:
    """One sentence for everything that is wrong; `place` says where it was read."""
    lines = []
    for one in error.errors(include_url=False, include_input=False):
        key = _key(one["loc"])
        if one["type"] == "extra_forbidden":
            lines.append(f"unknown key {key!r}{_nearest(whole, one['loc'])}")
        elif one["type"] == "missing":
            lines.append(f"{key!r} is missing")
        else:
            said = one["msg"].removeprefix("Value error, ")
            lines.append(f"{key!r}: {said[:1].lower()}{said[1:]}")
    return place + "; ".join(lines) + "."


def _key(loc: tuple[int | str, ...]) -> str:
    text = ""
    for part in loc:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _nearest(whole: type[BaseModel], loc: tuple[int | str, ...]) -> str:
    section: Any = whole
    for part in loc[:-1]:
        if isinstance(part, str) and (field := section.model_fields.get(part)):
            section = _section_of(field.annotation)
        if section is None:
            return ""
    near = difflib.get_close_matches(str(loc[-1]), list(section.model_fields), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _section_of(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        if found := _section_of(inner):
            return found
    return None
