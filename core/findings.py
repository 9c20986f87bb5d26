"""What a check of the surroundings found, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One check. `part` is who was asked (a subject, slack), `what` which question, `found` the
    answer in words, `fix` what to do when it is not `ok`."""

    part: str
    what: str
    ok: bool
    found: str
    fix: str = ""
