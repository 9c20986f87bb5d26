"""A claim and its check in words: whom was asked about whom, what must be so, and what was seen."""

from __future__ import annotations

from bot import certainty as wording
from bot.blocks import Element, line
from bot.blocks import words as say
from bot.diagnosis.facts import Shown
from bot.diagnosis.views import cite
from bot.text import clean
from core.diagnosis.model import Claim, Op, Predicate, Weight

_OPS = {
    Op.EXISTS: "is there",
    Op.EQUALS: "is",
    Op.DIFFERS: "is not",
    Op.ONE_OF: "is",
    Op.AT_LEAST: "is at least",
    Op.AT_MOST: "is at most",
    Op.CONTAINS: "contains",
    Op.CHANGED: "changed",
}
_MARK = {Weight.MAIN: "◆", Weight.SUPPORTING: "+", Weight.CONTRADICTING: "−"}


def checked(shown: Shown, claim: Claim) -> list[Element]:
    """A claim, and below it: whose evidence, what is asked of it, and what was seen."""
    words = clean(claim.words, 400) or "(no words)"
    main = claim.weight is Weight.MAIN
    return [
        line(f"{_MARK[claim.weight]} ", say(words, bold=main)),
        line(
            say(cite(claim), code=True),
            f" {_whom(shown, claim)}: {_check(claim)}{_saw(shown.value(claim))}",
        ),
    ]


def _whom(shown: Shown, claim: Claim) -> str:
    """Whom was asked about whom: "docker inspect, store 4"."""
    source = clean(shown.sources.get(claim.check.evidence, ""), 90)
    entity = clean(claim.check.entity, 80)
    about = wording.entity(claim.check.entity)
    if entity and entity in source:
        return source.replace(entity, about)
    return f"{source}, {about}" if source else about


def _check(claim: Claim) -> str:
    """The check in words: what is looked at, and what is asked of it."""
    predicate = claim.check.predicate
    path = clean(predicate.path.removeprefix("now."), 80)
    where = f" with “{_either(predicate.where)}”" if predicate.where else ""
    if predicate.op in (Op.COUNT_AT_LEAST, Op.COUNT_AT_MOST):
        return f"{_count(predicate)} {path}{where}"
    wanted = "" if predicate.op in (Op.EXISTS, Op.CHANGED) else wording.scalar(predicate.value)
    if predicate.op is Op.CONTAINS:
        wanted = f"“{_either(str(predicate.value))}”"
    elif predicate.op is Op.ONE_OF and isinstance(predicate.value, list | tuple):
        wanted = " or ".join(wording.scalar(one) for one in predicate.value[:6])
    return f"{path} {_OPS[predicate.op]} {wanted}".strip()


def _count(predicate: Predicate) -> str:
    many = wording.scalar(predicate.value)
    if predicate.op is Op.COUNT_AT_MOST:
        return "no" if predicate.value == 0 else f"at most {many}"
    return "some" if predicate.value == 1 else f"at least {many}"


def _either(texts: str) -> str:
    return " or ".join(clean(one, 60) for one in texts.split("|")[:6])


def _saw(value: str) -> str:
    return f"; seen: {clean(value, 80)}" if value else ""
