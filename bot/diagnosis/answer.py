"""What the thread says to a question: the question, the answer, and the evidence that it rests on."""

from __future__ import annotations

from collections.abc import Iterator

from bot.blocks import Block, Element, Message, actions, bullets, context, line, plain, rich
from bot.blocks import words as say
from bot.diagnosis.facts import Shown
from bot.diagnosis.views import cost, reasoning_button, votes
from bot.sentences import person
from bot.text import clean, escape
from bot.validate import fit

MAX_ANSWER = 2400
MAX_LINES = 24
CITED = 12


def answered(shown: Shown) -> Message:
    """The message of an answer; what the answer says is data, as everything that a model writes."""
    said = shown.answer
    told = clean(said.words if said else "", MAX_ANSWER, lines=MAX_LINES)
    told = told or "There is no answer to that in the evidence."
    blocks: list[Block] = [
        rich(_asked(shown)),
        rich(*(line(one or " ") for one in told.split("\n"))),
    ]
    if said is not None and said.can_ask:
        listed = bullets([[clean(one, 120)] for one in said.can_ask[:8]])
        blocks.append(rich(line("What can be asked:"), listed))
    if said is None or not said.can_ask:  # a list of questions rests on nothing
        blocks += [context(*_small_print(shown)), actions(reasoning_button(shown), *votes(shown))]
    text = f"Ticket {shown.ticket_id}, answer: {escape(clean(told, 1500))}"
    return fit(Message(text, tuple(blocks)))


def _asked(shown: Shown) -> Element:
    who: list[Element | str] = ["Somebody"]
    if shown.asked_by:
        who = [person(shown.asked_by, shown.name_of)]
    return line(*who, " asked: ", say(clean(shown.question, 300) or "…", italic=True))


def _small_print(shown: Shown) -> Iterator[Element]:
    cited = shown.answer.cited if shown.answer else ()
    named = ", ".join(clean(one, 20) for one in cited[:CITED])
    if len(cited) > CITED:
        named += f" and {len(cited) - CITED} more"
    yield plain(f"Evidence: {named}" if named else "No piece of evidence is cited", 300)
    made_by = shown.diagnosis.made_by
    by = "the rules" if made_by == "rules" else clean(made_by, 60) or "somebody"
    yield plain(f"Answer {shown.id} by {by}, from what was frozen", 200)
    if shown.spent is not None and shown.spent.calls:
        yield plain(cost(shown.spent), 120)
    if shown.note:
        yield plain(shown.note, 200)
