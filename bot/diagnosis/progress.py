"""A model at work, as the thread shows it: one line that is edited, with a way to stop it."""

from __future__ import annotations

from collections.abc import Sequence

from bot import certainty as wording
from bot import ids
from bot.blocks import Block, Message, TaskStatus, actions, button, context, line, plain, plan, rich
from bot.diagnosis.facts import Progress
from bot.sentences import markup, pieces
from bot.text import clean, plural
from bot.validate import fit
from bot.words import Data, Phrase, Who
from core.durations import span

MAX_STEPS = 8
NAMED = 4


def progress(now: Progress) -> Message:
    """Under way: what it does, how far it is, what it has cost. Ended: what it took."""
    if now.ended:
        told = _ended(now)
        blocks: list[Block] = [rich(line(*pieces(told, now.name_of)))]
        if now.steps:
            blocks.append(context(plain(_looked_at(now.steps), 300)))
        return fit(Message(markup(told, now.name_of), tuple(blocks)))
    if now.stopped_by:
        told = ("⏹️ Claude stops at its next step, as ", Who(now.stopped_by), " asked.")
        return fit(Message(markup(told, now.name_of), (rich(line(*pieces(told, now.name_of))),)))
    doing = clean(now.text, 200) or "reading the evidence"
    asked: Phrase = (" for ", Who(now.asked_by)) if now.asked_by else ()
    told = (f"⏳ Claude looks into ticket {now.ticket_id}", *asked, ": ", Data(doing, 200))
    value = ids.investigation_value(now.id)
    if now.cards:
        shown: tuple[Block, ...] = (_cards(now, doing), context(plain(_spent(now), 200)))
    else:
        shown = (rich(line(*pieces(told, now.name_of)), line(_spent(now))),)
    label = f"Stop the diagnosis of ticket {now.ticket_id} by Claude"
    stop = actions(button(ids.INVESTIGATION_STOP, "Stop", value, style="danger", label=label))
    return fit(Message(markup(told, now.name_of), (*shown, stop)))


def _cards(now: Progress, doing: str) -> Block:
    asked = f" for {clean(now.name_of(now.asked_by), 60)}" if now.asked_by else ""
    done: list[tuple[str, TaskStatus]] = [
        (one, "complete") for one in now.steps[-MAX_STEPS:] if one != now.text
    ]
    title = f"Claude looks into ticket {now.ticket_id}{_plainly(asked)}"
    return plan(title, [*done, (doing, "in_progress")])


def _plainly(text: str) -> str:
    """Without a mention: a card's title reads no markup."""
    return "" if "<@" in text else text


def _looked_at(steps: Sequence[str]) -> str:
    named = "; ".join(clean(one, 60) for one in steps[:NAMED])
    more = f" and {len(steps) - NAMED} more" if len(steps) > NAMED else ""
    return f"Looked at: {named}{more}"


def _spent(now: Progress) -> str:
    turns = f"Turn {now.turn}" + (f" of {now.max_turns}" if now.max_turns else "")
    limit = f" of {wording.dollars(now.limit_micro_dollars)}" if now.limit_micro_dollars else ""
    return f"{turns} · {wording.dollars(now.micro_dollars)}{limit} so far"


def _ended(now: Progress) -> Phrase:
    took = f" after {span(now.seconds)}" if now.seconds >= 1 else ""
    tokens = f"{plural(now.tokens, 'token')}, " if now.tokens else ""
    cost = f"{plural(now.turn, 'turn')}, {tokens}{wording.dollars(now.micro_dollars)}"
    why = clean(now.why, 400).rstrip(".")
    if now.ended == "stopped":
        who: Phrase = (" by ", Who(now.stopped_by)) if now.stopped_by else ()
        return ("⏹️ Claude was stopped", *who, f"{took}: {cost}. What was known before stands.")
    if now.ended == "failed":
        # What is told says by itself what stands.
        said = Data(why, 400) if why else "Claude gave no answer; the rules' answer stands"
        return (said, f". It took {span(now.seconds)}, {cost}.")
    tail: Phrase = (" ", Data(why, 300), ".") if why else ()
    within = took.replace("after", "for")
    return (f"Claude looked into ticket {now.ticket_id}{within}: {cost}.", *tail)
