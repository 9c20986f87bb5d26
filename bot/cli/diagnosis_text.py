"""A diagnosis on a terminal: certainty first, then what, why, what next, what else it might be."""

from __future__ import annotations

from collections.abc import Iterator

from bot.certainty import cause, entity
from bot.text import terminal
from core.diagnosis.catalogue import render
from core.diagnosis.model import Claim, Diagnosis, Weight

Part = tuple[str, str]
"""A line and how it looks: "", "bold", "dim"."""


def parts(made: Diagnosis) -> Iterator[Part]:
    """Its lines; what they quote is made harmless."""
    for text, style in _lines(made):
        indent = text[: len(text) - len(text.lstrip(" "))]
        yield indent + terminal(text, 300), style


def plain(made: Diagnosis) -> str:
    """The same without any looks."""
    return "\n".join(text for text, _ in parts(made)) + "\n"


def _lines(made: Diagnosis) -> Iterator[Part]:
    yield f"{made.certainty.upper()}: {made.primary} [{made.cause}, {made.entity}]", "bold"
    yield "Why:", "dim"
    yield from ((_claim(one), "") for one in made.claims)
    yield f"What next: {made.action}", "bold"
    yield from ((f"  risk: {one}", "") for one in made.risks)
    yield from ((f"  $ {render(one)}", "") for one in made.commands)
    for rival in made.alternatives:
        yield f"Or {cause(rival.cause)}, {entity(rival.entity)}? {rival.conclusion}", "dim"
        yield from ((_claim(one), "dim") for one in (*rival.supporting, *rival.contradicting))
    yield from ((f"Not seen: {one}", "dim") for one in made.unseen)
    yield from ((f"Struck out: {one}", "dim") for one in made.struck)
    yield from (
        (f"{round(one.at - made.taken_at):+d} s: {one.words}", "dim") for one in made.timeline
    )


def _claim(claim: Claim) -> str:
    sign = "-" if claim.weight is Weight.CONTRADICTING else "+"
    return f"  {sign} {claim.words} [{claim.check.evidence}]"
