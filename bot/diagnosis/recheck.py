"""The checks of a diagnosis, run again now: what each saw then and sees now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.blocks import Block, Element, Message, context, date, line, plain, rich, said
from bot.blocks import words as say
from bot.diagnosis.facts import Line
from bot.diagnosis.views import cite
from bot.text import clean, plural
from bot.validate import fit
from core.diagnosis.claims import Outcome

SHOWN = 12
_UNSEEN = frozenset((Outcome.FAILED_CALL, Outcome.NO_EVIDENCE, Outcome.EMPTY))


def rechecked(diagnosis_id: int, lines: Sequence[Line], then: float, now: float) -> Message:
    """A table of then and now: what holds no more first, then what could not be seen, then the rest."""
    order = sorted(lines, key=_rank)
    blocks: list[Block] = [rich(line(say(_verdict(lines), bold=True)))]
    blocks += [rich(*_row(one)) for one in order[:SHOWN]]
    blocks.append(context(*_small_print(diagnosis_id, len(order) - SHOWN, then, now)))
    return fit(Message(f"Diagnosis {diagnosis_id} checked again: {_verdict(lines)}", tuple(blocks)))


def _rank(one: Line) -> int:
    if one.outcome is Outcome.HOLDS:
        return 2
    return 1 if one.outcome in _UNSEEN else 0


def _verdict(lines: Sequence[Line]) -> str:
    if not lines:
        return "There is no claim to check."
    holding = sum(1 for one in lines if one.outcome is Outcome.HOLDS)
    unseen = sum(1 for one in lines if one.outcome in _UNSEEN)
    if holding == len(lines):
        return (
            f"All {plural(len(lines), 'claim')} still hold." if holding > 1 else "It still holds."
        )
    tail = f", {unseen} cannot be seen now" if unseen else ""
    return f"{holding} of {plural(len(lines), 'claim')} still hold{tail}."


_MARK = {2: "✓", 1: "?", 0: "✕"}
_WORD = {2: "still so", 1: "cannot be seen now", 0: "not so any more"}


def _row(one: Line) -> Iterator[Element]:
    rank = _rank(one)
    words = clean(one.claim.words, 240) or "(no words)"
    yield line(f"{_MARK[rank]} ", say(words, bold=rank == 0), " ", say(cite(one.claim), code=True))
    then, now = clean(one.then, 80) or "not known", clean(one.now, 80) or "not seen"
    yield line(f"then {then} · now {now} · {_WORD[rank]}")


def _small_print(number: int, more: int, then: float, now: float) -> Iterator[Element]:
    yield said(
        f"Diagnosis {number}: then is ",
        date(then, "{time_secs}"),
        ", now is ",
        date(now, "{time_secs}"),
    )
    if more > 0:
        yield plain(f"{more} more claims are not shown", 80)
