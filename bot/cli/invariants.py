"""`tocsin invariants`: what is claimed about each kind of subject, as the documentation has it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from typing import Any

from bot.cli.common import say
from core.invariant import Invariant
from core.wiring import CATALOGUES

HEAD = """\
# Invariants

What Tocsin claims about a subject, and when it opens a ticket. Every hold time, severity and threshold can be set
per subject:

```toml
[subjects.invariants.high_latency]
hold = "2m"
severity = "critical"
```

This page is what `tocsin invariants` prints: the docstrings of the checks. A test holds the two equal.
"""


def invariants() -> None:
    """Print every invariant with its defaults and what it means (docs/invariants.md is this)."""
    say(page().rstrip("\n"))


def page() -> str:
    """The whole page, as Markdown."""
    parts = [HEAD]
    for title, catalogue in CATALOGUES.items():
        parts.append(f"## {title}\n")
        parts += _sections(catalogue)
    return "\n".join(parts)


def _sections(catalogue: Iterable[Invariant[Any, Any]]) -> Iterator[str]:
    for one in catalogue:
        yield f"### `{one.name}`\n"
        yield f"{_defaults(one)}\n"
        yield f"{inspect.cleandoc(one.doc)}\n"


def _defaults(one: Invariant[Any, Any]) -> str:
    settings = ", ".join(f"`{name} = {value:g}`" for name, value in one.settings.items())
    told = [
        str(one.severity),
        f"hold {one.hold_s:g} s",
        f"recover {one.recover_s:g} s",
        f"settings: {settings}" if settings else "",
        "explained by " + ", ".join(f"`{c}`" for c in one.explained_by) if one.explained_by else "",
    ]
    return " · ".join(part for part in told if part)
