"""Secrets that a configuration names: read from their files, and known to whoever hides them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from core.errors import Invalid


def read_secret(given: SecretStr | None, path: Path | None, key: str) -> SecretStr | None:
    """What was given, else what the file holds that `key` names. Invalid if it cannot be read."""
    if given is not None or path is None:
        return given
    try:
        return SecretStr(path.read_text("utf-8").strip())
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise Invalid(f"{key}: {path} cannot be read: {reason}.") from None


def in_headers(tables: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The values of all headers that subjects send along, each also without its scheme ("Bearer")."""
    for table in tables:
        for key, headers in table.items():
            if not key.endswith("headers") or not isinstance(headers, Mapping):
                continue
            for value in map(str, headers.values()):
                yield value
                scheme, _, credentials = value.partition(" ")
                if credentials and scheme.isalpha():
                    yield credentials
