"""What Slack does to text on its way in."""

from __future__ import annotations

import pytest

from bot.local.text import escape, link, mentioned, rich


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("a & b", "a &amp; b"),
        ("1 < 2 > 0", "1 &lt; 2 &gt; 0"),
        ("&amp; &lt; &gt; &nbsp;", "&amp; &lt; &gt; &amp;nbsp;"),
        ("<@U0AB> <!channel> <!subteam^S0AB> <#C0AB|ops>", "<@U0AB> <!channel> <!subteam^S0AB> <#C0AB|ops>"),
        ("<https://x.y?a=1&b=2|here>", "<https://x.y?a=1&b=2|here>"),
        ("<script>", "&lt;script&gt;"),
        ("<!date^1700000000^{date}|then>", "<!date^1700000000^{date}|then>"),
        ("<@notauser>", "&lt;@notauser&gt;"),
        ("&lt;!channel&gt;", "&lt;!channel&gt;"),
        ("", ""),
    ],
)  # fmt: skip
def test_text_is_escaped_except_for_slacks_own_markup(given, stored):
    assert escape(given) == stored
    assert escape(escape(given)) == stored


def test_names_and_addresses_become_links(ws):
    ben, group = ws.user("ben").id, next(iter(ws.state.groups))
    assert link(ws.state, "@ben see https://x.y/z") == "@ben see <https://x.y/z>"
    assert link(ws.state, "@storage-oncall") == f"<!subteam^{group}|@storage-oncall>"
    assert link(ws.state, "@nobody #nowhere a@b") == "@nobody #nowhere a@b"
    assert link(ws.state, f"<@{ben}> <https://x.y>") == f"<@{ben}> <https://x.y>"
    assert link(ws.state, "@channel!") == "<!channel>!"


def test_mentions_are_found():
    assert mentioned("<@U0A> and <@U0B|bob> not <!here>") == {"U0A", "U0B"}


def test_what_a_person_types_becomes_rich_text():
    block = rich("hi <@U0A> there", "b1")
    [section] = block["elements"]
    assert section["elements"] == [
        {"type": "text", "text": "hi "},
        {"type": "user", "user_id": "U0A"},
        {"type": "text", "text": " there"},
    ]
