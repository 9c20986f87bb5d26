"""The reasoning behind a diagnosis, for one person: claims with their checks, rivals, the time line,
commands to copy. A dialogue with four tabs, each in pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from bot import certainty as wording
from bot import ids
from bot.blocks import (
    Block,
    Element,
    actions,
    bullets,
    button,
    context,
    divider,
    line,
    moment,
    plain,
    preformatted,
    rich,
)
from bot.blocks import words as say
from bot.diagnosis.checks import checked
from bot.diagnosis.facts import Shown
from bot.diagnosis.views import cite
from bot.text import clean, plural
from core.diagnosis.catalogue import TEMPLATES, render
from core.diagnosis.model import Alternative, Command, Moment
from core.errors import Invalid

View = dict[str, Any]
Part = Callable[[], list[Element]]
"""One paragraph of a page, made only if that page is shown."""
PER_PAGE = 8
"""Claims, rivals or commands on one page: a dialogue that is read, not scrolled for ever."""
PER_PAGE_TIMES = 20
LABELS = {
    "claims": "Claims",
    "rivals": "Alternatives",
    "times": "Time line",
    "commands": "Commands",
}


def modal(shown: Shown, tab: str = "", page: int = 0) -> View:
    """The dialogue, open at a tab and a page (from 0; the last one where there are fewer)."""
    tab = tab if tab in ids.DIAGNOSIS_TABS else ids.DIAGNOSIS_TABS[0]
    parts = _PARTS[tab](shown)
    size = PER_PAGE_TIMES if tab == "times" else PER_PAGE
    pages = max((len(parts) - 1) // size + 1, 1)
    page = min(max(page, 0), pages - 1)
    blocks: list[Block] = [
        rich(line(say(wording.certainty(shown.diagnosis), bold=True), f": {_means(shown)}.")),
        rich(line(wording.guarded(shown.diagnosis))),
        _tabs(shown, tab),
        divider(),
        *_page(tab, parts[page * size : (page + 1) * size]),
    ]
    if pages > 1:
        blocks += _paging(shown, tab, page, pages)
    blocks.append(context(plain(_origin(shown), 300)))
    return {
        "type": "modal",
        "private_metadata": ids.diagnosis_value(shown.id, tab, page),
        "title": plain(f"Diagnosis {shown.id}"[:24], 24),
        "close": plain("Close", 24),
        "blocks": blocks,
    }


def _means(shown: Shown) -> str:
    return wording.MEANS[shown.diagnosis.certainty]


def _tabs(shown: Shown, chosen: str) -> Block:
    made = shown.diagnosis
    counts = {
        "claims": len(made.claims),
        "rivals": len(made.alternatives),
        "times": len(made.timeline),
        "commands": len(commands(made.commands)),
    }
    return actions(
        *(
            button(
                ids.tab_id(tab),
                f"{label} · {counts[tab]}",
                ids.diagnosis_value(shown.id, tab),
                style="primary" if tab == chosen else None,
                label=f"{label}, {'shown' if tab == chosen else 'show them'}",
            )
            for tab, label in LABELS.items()
        )
    )


def _paging(shown: Shown, tab: str, page: int, pages: int) -> Iterator[Block]:
    previous = ids.diagnosis_value(shown.id, tab, page - 1)
    following = ids.diagnosis_value(shown.id, tab, page + 1)
    yield actions(
        button(ids.DIAGNOSIS_PREVIOUS, "Previous", previous) if page else None,
        button(ids.DIAGNOSIS_NEXT, "Next", following) if page + 1 < pages else None,
    )
    yield context(plain(f"Page {page + 1} of {pages}", 40))


def _origin(shown: Shown) -> str:
    made = shown.diagnosis
    by = "the rules" if made.made_by == "rules" else clean(made.made_by, 60)
    struck = len(made.struck)
    tail = f" {plural(struck, 'claim')} did not hold and {'was' if struck == 1 else 'were'} struck."
    return (
        f"Made by {by}; each claim was checked by code against the frozen evidence before it was "
        f"shown.{tail if struck else ''}"
    )


def _page(tab: str, parts: Sequence[Part]) -> Iterator[Block]:
    if not parts:
        yield rich(line(_EMPTY[tab]))
    for part in parts:
        yield rich(*part())


_EMPTY = {
    "claims": "There is no claim: nothing that was seen speaks for any cause.",
    "rivals": "No other explanation fitted anything that was seen.",
    "times": "Nothing was seen that has a time.",
    "commands": "There is no command that fits: none is shown unless its ids were seen.",
}


# Claims.


def _claims(shown: Shown) -> list[Part]:
    made = shown.diagnosis
    parts: list[Part] = [partial(checked, shown, one) for one in made.claims]
    parts += [partial(_struck, one) for one in made.struck[:50]]
    return parts + [partial(_unseen, one) for one in made.unseen[:50]]


def _struck(words: str) -> list[Element]:
    return [line("✕ ", say(clean(words, 300), italic=True))]


def _unseen(words: str) -> list[Element]:
    return [line("Not seen: ", clean(words, 200))]


# Alternatives.


def _rivals(shown: Shown) -> list[Part]:
    return [partial(_rival, one) for one in shown.diagnosis.alternatives]


def _rival(one: Alternative) -> list[Element]:
    title = f"{wording.cause(one.cause)}, {wording.entity(one.entity)}"
    claims = [*one.supporting[:6], *one.contradicting[:6]]
    against = {id(claim) for claim in one.contradicting}
    listed = bullets(
        [
            [
                "against: " if id(claim) in against else "for: ",
                clean(claim.words, 300) or "(no words)",
                " ",
                say(cite(claim), code=True),
            ]
            for claim in claims
        ]
    )
    head = line(say(title[:1].upper() + title[1:], bold=True), f". {clean(one.conclusion, 300)}")
    return [head, listed] if listed else [head]


# Time line and figures.


def _times(shown: Shown) -> list[Part]:
    made = shown.diagnosis
    parts: list[Part] = [partial(_moment, one) for one in made.timeline]
    if made.readings:
        parts.append(lambda: [line(say("Figures that changed most", bold=True))])
    return parts + [partial(_figure, *one) for one in list(made.readings.items())[:30]]


def _figure(name: str, value: float) -> list[Element]:
    return [line(say(clean(name, 80), code=True), f" {wording.scalar(value)}")]


def _moment(one: Moment) -> list[Element]:
    when = moment(one.at, "{date_short_pretty} {time_secs}")
    cited: list[Element | str] = (
        [" ", say(clean(one.evidence, 40), code=True)] if one.evidence else []
    )
    return [line(when, f"  {clean(one.words, 300) or '(no words)'}", *cited)]


# Commands.


def commands(listed: Sequence[Command]) -> list[Part]:
    """Commands to copy, each in a box, with what it does; one that cannot be filled is left out."""
    return [partial(list, part) for one in listed if (part := _command(one))]


def _command(one: Command) -> list[Element]:
    try:
        text = render(one)
    except Invalid:
        return []
    template = TEMPLATES[one.template]
    changes = "Changes something: " if template.changes else "Reads only: "
    return [line(say(changes, bold=template.changes), f"{template.does}."), preformatted(text)]


def _next(shown: Shown) -> list[Part]:
    """The commands, then what to mind: every risk, and who is affected."""
    made = shown.diagnosis
    parts = commands(made.commands)
    if not parts:
        parts.append(lambda: [line(_EMPTY["commands"])])
    parts += [partial(_risk, one) for one in made.risks[:20]]
    others = [one for one in made.affected if one != made.entity]
    if others:
        parts.append(partial(_affected, others))
    return parts


def _risk(words: str) -> list[Element]:
    return [line("⚠️ ", clean(words, 400) or "—")]


def _affected(entities: Sequence[str]) -> list[Element]:
    named = ", ".join(wording.entity(one) for one in entities[:20])
    return [line(f"Also affected: {named}.")]


_PARTS: Mapping[str, Callable[[Shown], list[Part]]] = {
    "claims": _claims,
    "rivals": _rivals,
    "times": _times,
    "commands": _next,
}
