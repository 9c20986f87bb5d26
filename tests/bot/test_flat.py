"""Blocks as one text: nothing is lost but the layout."""

from __future__ import annotations

from bot.blocks import (
    Message,
    actions,
    bullets,
    button,
    context,
    field,
    fields,
    header,
    line,
    moment,
    plain,
    rich,
    web,
)
from bot.flat import MAX_FLAT, NO_BUTTONS
from bot.text import size


def test_everything_that_is_said_is_still_said() -> None:
    whole = Message(
        "Short.",
        (
            header("A & B"),
            fields(field("Since", "noon"), field("Owner", "nobody")),
            rich(
                line("Seen ", moment(1_795_260_000.0)),
                bullets([["one"], [web("https://x.y", "z")]]),
            ),
            context(plain("Ticket 42", 100), plain("small", 100)),
            actions(button("go", "Go", "v")),
        ),
    )
    assert whole.fallback().text.split("\n") == [
        "A &amp; B",
        "*Since*",
        "noon",
        "*Owner*",
        "nobody",
        "Seen <!date^1795260000^{date_short_pretty} {time}|2026-11-21 11:20 UTC>",
        "• one",
        "• <https://x.y|z>",
        "Ticket 42 · small",
        NO_BUTTONS,
    ]


def test_a_message_of_text_alone_stays_as_it_is() -> None:
    assert Message("Just *this*.").fallback() == Message("Just *this*.")


def test_too_much_is_cut_at_a_line_with_a_count() -> None:
    long = Message("x", tuple(header(f"line {n} " + "y" * 80) for n in range(100)))
    flat = long.fallback().text
    assert size(flat) <= MAX_FLAT
    assert flat.split("\n")[-1].endswith("more lines)")


def test_one_huge_line_is_cut_outside_of_markup() -> None:
    text = {"type": "mrkdwn", "text": "y" * 3750 + "<!date^1795260000^{time}|2026-11-21 11:20 UTC>"}
    flat = Message("x", ({"type": "section", "text": text},)).fallback().text
    assert "<" not in flat
    assert flat.endswith("…")
