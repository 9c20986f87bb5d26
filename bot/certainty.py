"""How causes, entities, certainty, seen values and money are called. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from bot.blocks import utc
from bot.text import clean
from bot.words import figure, times
from core.diagnosis.claims import Found, every, run
from core.diagnosis.model import (
    Certainty,
    Claim,
    Diagnosis,
    Op,
    Piece,
    Predicate,
    Snapshot,
    canonical,
)

SIGN = {Certainty.CONFIRMED: "●", Certainty.LIKELY: "◐", Certainty.INCONCLUSIVE: "○"}
"""How full the circle is says how sure it is; the word always stands beside it."""
MEANS = {
    Certainty.CONFIRMED: "the evidence shows the cause itself",
    Certainty.LIKELY: "it explains what was seen, but was not itself seen",
    Certainty.INCONCLUSIVE: "what was seen does not tell it from its rivals",
}
MAX_VALUE = 60
_FIGURES = re.compile(r"(?<![\w.])\d{1,15}(?:,\d{3}){0,4}(?:\.\d{1,15})?(?![\w])", re.ASCII)
_WHOLE = {
    "cluster": "the cluster",
    "nodes": "the stores",
    "pd": "PD",
    "prometheus": "Prometheus",
}


def certainty(made: Diagnosis) -> str:
    """ "● Confirmed"."""
    return f"{SIGN[made.certainty]} {str(made.certainty).capitalize()}"


def cause(name: str) -> str:
    """ "process_killed" -> "process killed", "pd_leader_loss" -> "PD leader loss"."""
    said = clean(name.replace("_", " "), 60) or "unknown"
    return f"PD{said[2:]}" if said.startswith("pd ") else said


def entity(name: str) -> str:
    """ "store:4" -> "store 4"."""
    kind, _, rest = name.partition(":")
    if kind == "store" and rest:
        return f"store {clean(rest, 60)}"
    if kind == "pd" and rest:
        return f"PD member {clean(rest, 60)}"
    return _WHOLE.get(name) or clean(name, 80) or "something unnamed"


def primary(made: Diagnosis, limit: int = 400) -> str:
    """What it says in one sentence."""
    return clean(made.primary, limit) or f"{cause(made.cause)} of {entity(made.entity)}"


def guarded(made: Diagnosis, limit: int = 400) -> str:
    """The same, said no more surely than it is."""
    if made.certainty is not Certainty.INCONCLUSIVE or made.cause == "unknown":
        return primary(made, limit)
    return f"What was seen does not tell for sure. Most probable: {primary(made, limit)}"


def headline(made: Diagnosis) -> str:
    """Certainty and cause in one line, for cards and lists."""
    most = made.certainty is Certainty.INCONCLUSIVE and made.cause != "unknown"
    return f"{certainty(made)}{', most probable' if most else ''}: {primary(made, 200)}"


def was(made: Diagnosis) -> str:
    """The same of a ticket that ended, where a sentence in the present would read as if it went on."""
    sure = certainty(made)
    if made.cause == "unknown":
        return f"{sure}: its cause is not known"
    most = "most probably " if made.certainty is Certainty.INCONCLUSIVE else ""
    return f"{sure}: it was {most}{cause(made.cause)}, {entity(made.entity)}"


def says(words: str, value: str) -> bool:
    """Whether a claim's words tell its value already, in this or in more figures."""
    if not value or value.lower() in words.lower():
        return True
    try:
        wanted = float(value.replace(",", ""))
    except ValueError:
        return False
    found = (float(one.replace(",", "")) for one in _FIGURES.findall(words))
    return any(math.isclose(one, wanted, rel_tol=0.01) for one in found)


def key_of(claim: Claim) -> str:
    """A claim's check as a key."""
    return repr(claim.check)


def values(made: Diagnosis, snapshot: Snapshot) -> Mapping[str, str]:
    """What every check of the diagnosis saw in its evidence, by key."""
    return {key_of(one): seen(run(one, snapshot), one.check.predicate) for one in every(made)}


def sources(made: Diagnosis, snapshot: Snapshot) -> Mapping[str, str]:
    """Whom each cited piece of evidence was asked of, by its id."""
    cited = {one.check.evidence for one in every(made)} - {""}
    pieces = {one: snapshot.by_id[one] for one in cited if one in snapshot.by_id}
    return {one: _source(piece) for one, piece in pieces.items()}


def _source(piece: Piece) -> str:
    source = clean(piece.source, 80)
    if source.startswith("/"):
        return f"PD {source}"
    return f"reading {source}" if piece.kind == "reading" else source or clean(piece.kind, 20)


def seen(found: Found, asked: Predicate) -> str:
    """The value that a check looked at, short enough to stand beside its claim."""
    value, op = found.value, asked.op
    show = _time if asked.path.endswith("_at") else scalar
    if op is Op.CHANGED and isinstance(value, list) and len(value) == 2:
        return f"{show(value[0])} → {show(value[1])}"
    if op in (Op.COUNT_AT_LEAST, Op.COUNT_AT_MOST) and isinstance(value, int):
        return times(value) if value else "none"
    return show(value)


def label(asked: Predicate, source: str) -> str:
    """What a bare figure beside a claim is: the name of its field, or of its reading."""
    leaf = clean(asked.path.rpartition(".")[2], 40)
    return clean(source.rpartition(" ")[2], 40) if leaf in ("now", "before", "max", "min") else leaf


def _time(value: Any) -> str:
    """An instant in seconds since the epoch, as such."""
    real = isinstance(value, int | float) and not isinstance(value, bool)
    return utc(value) if real and 1e8 < value < 1e11 else scalar(value)


def scalar(value: Any) -> str:
    """Any JSON value in a few characters; "" for none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return figure(value) if math.isfinite(value) else "no figure"
    if isinstance(value, list | dict):
        return clean(canonical(value), MAX_VALUE)
    return clean(value, MAX_VALUE)


def dollars(micro: int) -> str:
    """ "$0.031", "$1.20"; never "$0.000" for what was paid."""
    if micro <= 0:
        return "$0"
    if micro < 1_000:
        return "under $0.001"
    if micro >= 1_000_000 or micro % 10_000 == 0:
        return f"${micro / 1e6:,.2f}"
    return f"${micro / 1e6:.3f}"
