"""Plain words for one person."""

from __future__ import annotations

from bot.notes import note


def test_a_command_of_ours_is_shown_as_code() -> None:
    made = note("Nothing there. `/tickets list open` shows all.")
    pieces = made.blocks[0]["elements"][0]["elements"]
    assert pieces[1] == {"type": "text", "text": "/tickets list open", "style": {"code": True}}
    assert made.text == "Nothing there. /tickets list open shows all."


def test_backticks_of_data_are_just_backticks() -> None:
    made = note("There is no `rm -rf` <!channel>")
    pieces = made.blocks[0]["elements"][0]["elements"]
    assert pieces == [{"type": "text", "text": "There is no `rm -rf` <!channel>"}]
    assert "<" not in made.text


def test_lines_stay_lines_and_nothing_becomes_something() -> None:
    assert len(note("one\ntwo").blocks[0]["elements"]) == 2
    assert note("").text == "Something went wrong."
