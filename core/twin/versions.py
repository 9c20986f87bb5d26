"""What differs between PD versions: recorded defaults and the lines at which behaviour changed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KNOWN = ("v6.5.12", "v7.5.7", "v8.5.7", "v26.3.4")
_DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class Version:
    """A PD version; `number` compares, `data` holds the defaults of the nearest recorded one."""

    name: str
    number: tuple[int, ...]
    git_hash: str
    config: dict[str, Any]
    schedulers: tuple[str, ...]
    panic: str

    def at_least(self, *number: int) -> bool:
        return self.number >= number

    @property
    def store_version(self) -> str:
        """TiKV's own version: calendar versions exist for PD alone, its stores are 8.5.7."""
        return "8.5.7" if self.number >= (26,) else self.name.removeprefix("v")

    @property
    def local_probes(self) -> bool:
        """Before 8.5 followers forward even /ping and /health (recorded)."""
        return self.number >= (8, 5)

    def coded(self, code: str, text: str) -> str:
        """Redirect errors carry their code since 8.5 (recorded)."""
        return f"[{code}]{text}" if self.number >= (8, 5) else text


def parse(name: str) -> Version:
    """The version by name, for example "v8.5.7"; ValueError when it is no version."""
    found = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+).*", name)
    if found is None:
        raise ValueError(f"not a version: {name}")
    number = tuple(int(part) for part in found.groups())
    older = [known for known in KNOWN if _number(known)[:2] <= number[:2]]
    raw = json.loads((_DATA / f"{(older or KNOWN)[-1 if older else 0]}.json").read_text("utf-8"))
    return Version(
        name=f"v{name.removeprefix('v')}",
        number=number,
        git_hash=raw["git_hash"],
        config=raw["config"],
        schedulers=tuple(raw["schedulers"]),
        panic=raw["panic"],
    )


def _number(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in name.removeprefix("v").split("."))
