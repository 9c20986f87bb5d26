"""rich_text blocks: sections, lists, quotes, code, and the pieces in them."""

from __future__ import annotations

from bot.local.validate.elements import CHANNEL, ID, URL, USER
from bot.local.validate.report import (
    Rule,
    anything,
    array,
    boolean,
    by_type,
    integer,
    one_of,
    record,
    string,
)

PIECES_MAX = 10_000
WORDS = ("bold", "italic", "strike", "code", "underline", "highlight", "client_highlight", "unlink")
style = record({}, dict.fromkeys(WORDS, boolean))


def piece(required: dict[str, Rule], **optional: Rule) -> Rule:
    return record({"type": anything, **required}, {"style": style, **optional})


pieces = by_type(
    {
        "text": piece({"text": string(40_000)}),
        "link": piece({"url": URL}, text=string(40_000, least=0), unsafe=boolean),
        "user": piece({"user_id": USER}),
        "usergroup": piece({"usergroup_id": string(255, pattern=r"S[A-Z0-9]+")}),
        "channel": piece({"channel_id": CHANNEL}),
        "team": piece({"team_id": string(255)}),
        "broadcast": piece({"range": one_of("here", "channel", "everyone")}),
        "color": piece({"value": string(9, pattern=r"#[0-9A-Fa-f]{6}(?:[0-9A-Fa-f]{2})?")}),
        "emoji": piece({"name": string(255)}, unicode=string(255), skin_tone=integer(1, 6)),
        "date": piece(
            {"timestamp": integer(0, 10**11), "format": string(255)},
            url=URL,
            fallback=string(3000),
        ),
    }
)
section = record({"type": anything, "elements": array(pieces, PIECES_MAX, least=0)})
code = record(
    {"type": anything, "elements": array(pieces, PIECES_MAX, least=0)},
    {"border": integer(0, 1), "language": string(255)},
)
quote = record(
    {"type": anything, "elements": array(pieces, PIECES_MAX, least=0)}, {"border": integer(0, 1)}
)
items = record(
    {
        "type": anything,
        "style": one_of("bullet", "ordered"),
        "elements": array(by_type({"rich_text_section": section}), PIECES_MAX),
    },
    {"indent": integer(0, 8), "offset": integer(0, 10**6), "border": integer(0, 1)},
)
rich_text = record(
    {
        "type": anything,
        "elements": array(
            by_type(
                {
                    "rich_text_section": section,
                    "rich_text_list": items,
                    "rich_text_quote": quote,
                    "rich_text_preformatted": code,
                }
            ),
            PIECES_MAX,
        ),
    },
    {"block_id": ID},
)
