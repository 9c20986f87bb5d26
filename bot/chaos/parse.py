"""What people type after `/chaos`, understood. Pure.

Phones write quotes and dashes of their own: “0 10 * * tue” and —for are read as they are meant.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.durations import parse_duration
from core.errors import Invalid

VERBS = ("list", "run", "status", "abort", "schedule", "unschedule", "help")
_TOKEN = re.compile(r"[\"“”„«]([^\"“”»]*)[\"“”»]|(\S+)")
_DASHES = re.compile(r"^(?:—|–|−|--)(?=[A-Za-z])")
_HOURS = re.compile(r"([01]?\d|2[0-4])-([01]?\d|2[0-4])", re.ASCII)
RUN = "/chaos run kill-store store:4 --for 30s --subject prod-eu"
SCHEDULE = '/chaos schedule "0 10 * * tue" kill-store --zone Europe/Berlin --hours 9-17'


@dataclass(frozen=True, slots=True)
class Ask:
    """Which experiment, on what. `subject` "" = the one that fits, `target` "" = by the
    experiment's own selector, `for_s` None = as long as the experiment says."""

    experiment: str
    target: str = ""
    subject: str = ""
    for_s: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """An experiment that is to come by itself; `hours` is a pair of hours of the day, or None."""

    cron: str
    ask: Ask
    zone: str
    hours: tuple[int, int] | None


def words(text: str) -> tuple[str, ...]:
    """The words of a line; what stands in quotes is one word."""
    found = (m[1] if m[2] is None else m[2] for m in _TOKEN.finditer(text[:2000]))
    return tuple(_DASHES.sub("--", one) for one in found)


def options(
    given: Sequence[str], known: Sequence[str], usage: str
) -> tuple[list[str], dict[str, str]]:
    """Words and options (`--for 30s`, `--for=30s`). Invalid for one that is not known or is twice."""
    plain: list[str] = []
    found: dict[str, str] = {}
    rest = list(given)
    while rest:
        one = rest.pop(0)
        if not one.startswith("--"):
            plain.append(one)
            continue
        name, equals, value = one[2:].partition("=")
        name = name.lower()
        if name not in known:
            there = ", ".join(f"--{k}" for k in known)
            raise Invalid(f"There is no option --{name[:40]}; there are {there}. As in {usage}.")
        if name in found:
            raise Invalid(f"--{name} is given twice.")
        if not equals:
            if not rest or rest[0].startswith("--"):
                raise Invalid(f"--{name} needs a value, as in {usage}.")
            value = rest.pop(0)
        found[name] = value
    return plain, found


def run(given: Sequence[str]) -> Ask:
    """`<experiment> [target] [--for 30s] [--subject S]`. Invalid, with an example."""
    plain, found = options(given, ("for", "subject"), RUN)
    if not plain:
        raise Invalid(f"Which experiment? `/chaos list` shows them; write it like {RUN}")
    if len(plain) > 2:
        raise Invalid(f"One experiment and one target, as in {RUN}")
    return _ask(plain, found)


def _ask(plain: Sequence[str], found: dict[str, str]) -> Ask:
    for_s = parse_duration(found["for"]) if "for" in found else None
    return Ask(
        experiment=plain[0][:200],
        target=plain[1][:250] if len(plain) > 1 else "",
        subject=found.get("subject", "")[:250],
        for_s=for_s,
    )


def schedule(given: Sequence[str]) -> Plan:
    """`"cron" <experiment> [target] [--zone Z] [--hours 9-17] [--for 30s] [--subject S]`."""
    plain, found = options(given, ("for", "subject", "zone", "hours"), SCHEDULE)
    if plain and len(plain[0].split()) != 5:
        # Without quotes the first five words are the expression.
        plain = [" ".join(plain[:5]), *plain[5:]]
    if plain and len(plain[0].split()) != 5:
        raise Invalid(f"A time has five fields, as in {SCHEDULE}")
    if len(plain) < 2 or len(plain) > 3:
        raise Invalid(f"When, and which experiment? Write it like {SCHEDULE}")
    ask = _ask(plain[1:], found)
    return Plan(plain[0], ask, found.get("zone", "UTC"), hours_of(found.get("hours", "")))


def hours_of(text: str) -> tuple[int, int] | None:
    """ "9-17" as a pair; None for "". Invalid for anything else."""
    if not text:
        return None
    found = _HOURS.fullmatch(text)
    if found is None or int(found[1]) >= int(found[2]):
        raise Invalid("Hours are two hours of the day, the earlier first, as in --hours 9-17")
    return int(found[1]), int(found[2])


def number(given: Sequence[str], what: str) -> int | None:
    """A number that may be left out: "7", "#7", "run 7". Invalid for anything else."""
    rest = [one for one in given if one.lower() not in ("run", "plan")]
    if not rest:
        return None
    plain = rest[0].lstrip("#")
    if len(rest) > 1 or not plain.isdecimal() or len(plain) > 18:
        raise Invalid(f"Which {what}? Give its number; `/chaos status` lists them.")
    return int(plain)
