"""PD's operators, which every version tells as sentences for people, read back into fields."""

from __future__ import annotations

import re

from core.clients import goformat
from core.clients.pd_region import Operator

_LONGEST = 2_000
_HEAD = re.compile(
    r"(?P<desc>[^\s{(]+)\s*\{(?P<brief>.*?)\}\s*\(kind:(?P<kind>.*?), region:(?P<id>\d+)"
)
_STORE = re.compile(
    r"\bstores?:?\s+(\d+|\[[\d ]+\])(?:\s+to\s+(\d+|\[[\d ]+\]|one in \[[\d ]+\]))?"
)
_STEPS = re.compile(r"steps:\[(.*?)\][,，]\s*timeout")
_CREATED = re.compile(r"createAt:([^,]+?)(?: m=[^,]*)?,")
_FINISHED = re.compile(r"finishAt:([^,]+?)(?: m=[^,]*)?, duration:([^)]+)\)")
_STATUS = re.compile(r"\s*status: (\w+), operator: ")
_NUMBER = re.compile(r"\d+")
# Go prints a time as "2026-11-21 09:32:49.1 +0000 UTC".
_ZONED = re.compile(r"^(\S+) (\S+) ([+-]\d{4})")


def read(sentence: str) -> Operator:
    """One operator; where the sentence is not understood, `region_id` is 0 and `raw` has it."""
    raw = sentence[:_LONGEST]
    status = _STATUS.match(raw)
    head = _HEAD.search(raw)
    steps = _STEPS.search(raw)
    created = _CREATED.search(raw)
    finished = _FINISHED.search(raw)
    brief = head["brief"] if head else ""
    told = f"{brief} {steps[1] if steps else ''}"
    return Operator(
        desc=head["desc"] if head else "",
        brief=brief,
        kind=head["kind"] if head else "",
        region_id=int(head["id"]) if head else 0,
        store_ids=_stores(told),
        steps=steps[1] if steps else "",
        raw=raw,
        created_at=_epoch(created[1]) if created else None,
        finished_at=_epoch(finished[1]) if finished else None,
        duration_s=goformat.duration(finished[2]) if finished else None,
        status=status[1] if status else "",
    )


def _stores(text: str) -> tuple[int, ...]:
    found: dict[int, None] = {}
    for match in _STORE.finditer(text):
        for number in _NUMBER.findall(" ".join(part for part in match.groups() if part)):
            found[int(number)] = None
    return tuple(found)


def _epoch(text: str) -> float | None:
    zoned = _ZONED.match(text)
    if zoned is None:
        return None
    at = goformat.instant(f"{zoned[1]}T{zoned[2]}{zoned[3]}")
    return at.timestamp() if at else None
