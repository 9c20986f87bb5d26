"""The checks of a diagnosis, run again now: what each saw then and sees now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.blocks import Block, Element, Message, context, date, line, plain, rich, said
from bot.blocks import words as say
from bot.certainty import seen
from bot.diagnosis.views import cite
from bot.text import clean, plural
from bot.validate import fit
from core.diagnosis.claims import Outcome
from core.diagnosis.recheck import Line, Rechecked

SHOWN = 12
_UNSEEN = frozenset((Outcome.FAILED_CALL, Outcome.NO_EVIDENCE, Outcome.EMPTY))


def rechecked(found: Rechecked) -> Message:
    """A table of then and now: what holds no more first, then what could not be seen, then the rest.

    The verdict counts the claims of the diagnosis; those of its alternatives are told below them.
    """
    own = sorted((one for one in found.lines if not one.rival), key=rank)
    rivals = sorted((one for one in found.lines if one.rival), key=rank)
    told = verdict(own)
    blocks: list[Block] = [rich(line(say(told, bold=True)))]
    blocks += [rich(*_row(one)) for one in own[:SHOWN]]
    left = rivals[: max(SHOWN - len(own), 0)]
    if left:
        also = verdict(rivals)
        others = f"Of the alternatives, which were not chosen: {also[0].lower()}{also[1:]}"
        blocks.append(rich(line(say(others, italic=True))))
        blocks += [rich(*_row(one)) for one in left]
    blocks.append(context(*_small_print(found, len(found.lines) - len(own[:SHOWN]) - len(left))))
    text = f"Diagnosis {found.diagnosis_id} checked again: {told}"
    return fit(Message(text, tuple(blocks)))


def rank(one: Line) -> int:
    """How a claim stands now: 2 holds, 1 cannot be seen, 0 holds no more."""
    if one.now.stands:
        return 2
    return 1 if one.now.outcome in _UNSEEN else 0


def verdict(lines: Sequence[Line]) -> str:
    """How many of these claims still hold, in words."""
    if not lines:
        return "There is no claim to check."
    holding = sum(1 for one in lines if one.now.stands)
    unseen = sum(1 for one in lines if rank(one) == 1)
    if holding == len(lines):
        return f"All {plural(holding, 'claim')} still hold." if holding > 1 else "It still holds."
    tail = f", {unseen} cannot be seen now" if unseen else ""
    return f"{holding} of {plural(len(lines), 'claim')} still hold{tail}."


MARK = {2: "✓", 1: "?", 0: "✕"}
_SAME, _UNKNOWN = 2, 1
WORD = {2: "still so", 1: "cannot be seen now", 0: "not so any more"}


def _row(one: Line) -> Iterator[Element]:
    place, asked = rank(one), one.claim.check.predicate
    words = clean(one.claim.words, 240) or "(no words)"
    yield line(f"{MARK[place]} ", say(words, bold=place == 0), " ", say(cite(one.claim), code=True))
    then, now = seen(one.then, asked) or "not known", seen(one.now, asked) or "not seen"
    altered = " (its evidence was altered since)" if one.then.altered else ""
    if place == _SAME and then == now and not altered:
        yield line(f"then and now {now}")
    elif place == _UNKNOWN:
        yield line(f"then {then}{altered}, {WORD[place]}")
    else:
        yield line(f"then {then}{altered}, now {now}: {WORD[place]}")


def _small_print(found: Rechecked, more: int) -> Iterator[Element]:
    yield said(
        f"Diagnosis {found.diagnosis_id}: then is ",
        date(found.then_at, "{time_secs}"),
        ", now is ",
        date(found.now_at, "{time_secs}"),
    )
    if more > 0:
        yield plain(f"{more} more claims are not shown", 80)
