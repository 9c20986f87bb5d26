"""What somebody means who mentions the bot."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.diagnosis.mentions import MAX_QUESTION, Asked, understood

ME = "U0BOT"


@pytest.mark.parametrize(
    ("text", "in_thread", "meant"),
    [
        ("<@U0BOT> why?", True, Asked(None, "why?")),
        ("<@U0BOT> why did store 4 die", True, Asked(None, "why did store 4 die")),
        ("<@U0BOT> 42 why?", False, Asked(42, "why?")),
        ("<@U0BOT> #42: what next", False, Asked(42, "what next")),
        ("<@U0BOT> what is behind ticket 42?", False, Asked(42, "what is behind ?")),
        ("<@U0BOT> ticket #42", True, Asked(42, "")),
        ("why <@U0BOT>", True, Asked(None, "why")),
        ("<@U0BOT>", True, Asked(None, "")),
        ("<@U0BOT> 4 stores?", True, Asked(None, "4 stores?")),
        ("<@U0BOT> <@U0ANA|ana> &lt;why&gt; &amp; when", True, Asked(None, "ana <why> & when")),
        ("<@U0BOT> see <https://x.example|this>", True, Asked(None, "see this")),
        ("<@U0BOT> <!channel> why", True, Asked(None, "why")),
    ],
)
def test_a_message_means(text: str, in_thread: bool, meant: Asked) -> None:
    assert understood(text, ME, in_thread=in_thread) == meant


@given(st.text(max_size=300), st.booleans())
def test_whatever_is_written_is_understood_somehow(text: str, in_thread: bool) -> None:
    found = understood(f"<@{ME}> {text}", ME, in_thread=in_thread)
    assert len(found.question) <= MAX_QUESTION
    assert found.ticket_id is None or found.ticket_id >= 0
