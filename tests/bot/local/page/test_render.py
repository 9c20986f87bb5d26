"""The renderer: each block as Slack shows it, and hostile text that stays text."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from .conftest import Gallery, Stage, mrkdwn, text

pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="session")]
Blocks = list[dict[str, Any]]


def section(words: str, **more: Any) -> Blocks:
    return [{"type": "section", "text": {**mrkdwn(words), **more}}]


async def test_mrkdwn_styles_code_quotes_and_entities(render: Any) -> None:
    seen = await render(
        section(
            "*bold* _it_ ~no~ `a<b` snake_case_name 2*3*4 &lt;b&gt; &amp;amp;\n"
            "&gt; quoted *q*\n• one\n• two\n```x *not bold*\n<https://a.b|shown>```after"
        )
    )
    assert seen["bold"] == ["bold", "q"]
    assert seen["codes"] == ["a<b", "x *not bold*\nshown"]
    assert "snake_case_name 2*3*4 <b> &amp;" in seen["text"]
    assert {"em", "s", "blockquote", "pre"} <= set(seen["tags"])
    assert seen["classes"].count("li") == 2
    assert "after" in seen["text"]


async def test_mrkdwn_mentions_links_dates_and_emoji(gallery: Gallery, render: Any) -> None:
    ana, room = gallery.stage.id("ana"), gallery.stage.id("ops")
    group = next(iter(gallery.stage.ws.state.groups))
    seen = await render(
        section(
            f"<@{ana}> <@U0NOBODY|ghost> <#{room}> <!here> <!subteam^{group}> <https://a.example/x|a label> "
            "<mailto:a@b.example|mail> https://bare.example/p?q=1. :rotating_light: :no_such_emoji: "
            "<!date^1790000000^{date_num} {time_secs}|fallback> <!date^nonsense^{date}|fell back>"
        )
    )
    assert seen["mentions"][:4] == ["@Ana Moreno", "@ghost", "#ops", "@here"]
    assert seen["mentions"][4] == "@storage-oncall"
    links = ["https://a.example/x", "mailto:a@b.example", "https://bare.example/p?q=1"]
    assert seen["links"][1:] == links
    assert "🚨 :no_such_emoji: 2026-09-21 16:13:20 fell back" in seen["text"]


async def test_escaped_or_raw_markup_never_becomes_markup(gallery: Gallery, render: Any) -> None:
    hostile = '<img src=x onerror="window.hit=1"><script>window.hit=1</script><b>x</b>'
    escaped = "&lt;!channel&gt; &lt;@U1&gt; &lt;https://a.example|x&gt;"
    seen = await render(
        [
            *section(hostile),
            *section(escaped),
            {"type": "section", "text": text(f"{hostile} <!channel> *x* <@U1>")},
            {"type": "header", "text": text(hostile)},
            {"type": "markdown", "text": f"# {hostile}\n\n[x](javascript:alert(1)) ![y](data:a,b)"},
            {
                "type": "rich_text",
                "elements": [
                    {
                        "type": "rich_text_section",
                        "elements": [
                            {"type": "text", "text": f"{hostile} <!channel> :fire:"},
                            {"type": "link", "url": "javascript:alert(1)", "text": "click"},
                        ],
                    }
                ],
            },
        ]
    )
    assert not {"img", "script", "b", "iframe"} & set(seen["tags"])
    assert seen["mentions"] == []
    assert seen["links"] == ["https://a.example/"]  # a bare address, and only as itself
    assert "<!channel> <@U1> <https://a.example|x>" in seen["text"]
    assert seen["text"].count("<b>x</b>") == 5
    assert ":fire:" in seen["text"]
    assert await gallery.page.evaluate("window.hit") is None


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:x",
    ],
)
async def test_only_web_and_mail_addresses_are_followed(render: Any, url: str) -> None:
    seen = await render(
        [
            *section(f"<{url}|click me>"),
            {"type": "image", "image_url": url, "alt_text": "picture"},
            {"type": "video", "title": text("film"), "video_url": url, "alt_text": "v"},
        ]
    )
    assert seen["links"] == []
    assert "img" not in seen["tags"]
    assert "click me" in seen["text"]


async def test_an_outside_picture_is_named_but_not_loaded(render: Any) -> None:
    seen = await render(
        [{"type": "image", "image_url": "https://pictures.example/x.png", "alt_text": "a graph"}]
    )
    assert "img" not in seen["tags"]
    assert seen["links"] == ["https://pictures.example/x.png"]
    assert "a graph" in seen["text"]


async def test_rich_text_lists_quotes_and_styles(gallery: Gallery, render: Any) -> None:
    def line(words: str, **style: bool) -> dict[str, Any]:
        return {
            "type": "rich_text_section",
            "elements": [{"type": "text", "text": words, "style": style}],
        }

    seen = await render(
        [
            {
                "type": "rich_text",
                "elements": [
                    line("strong", bold=True),
                    {"type": "rich_text_list", "style": "ordered", "elements": [line("first")]},
                    {
                        "type": "rich_text_list",
                        "style": "bullet",
                        "indent": 1,
                        "elements": [line("deep", code=True)],
                    },
                    {"type": "rich_text_quote", "elements": [{"type": "text", "text": "quoted"}]},
                    {
                        "type": "rich_text_preformatted",
                        "elements": [{"type": "text", "text": "a  b\nc"}],
                    },
                    {
                        "type": "rich_text_section",
                        "elements": [
                            {"type": "user", "user_id": gallery.stage.id("ben")},
                            {"type": "broadcast", "range": "channel"},
                            {"type": "emoji", "name": "fire"},
                            {
                                "type": "date",
                                "timestamp": 1790000000,
                                "format": "{date_num}",
                                "fallback": "f",
                            },
                        ],
                    },
                ],
            }
        ]
    )
    assert seen["bold"] == ["strong"]
    assert seen["codes"] == ["deep", "a  b\nc"]
    assert seen["mentions"] == ["@Ben Okafor", "@channel"]
    assert {"ol", "ul", "blockquote", "pre"} <= set(seen["tags"])
    assert "🔥2026-09-21" in seen["text"]


async def test_markdown_has_headings_lists_tables_and_fences(render: Any) -> None:
    words = (
        "# Report\n\nsome **bold** and *it* with `code`\nnext line\n\n"
        "1. one\n   - nested\n2. two\n\n> quoted\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n"
        "```sh\nrm *\n```\n[site](https://a.example)"
    )
    seen = await render([{"type": "markdown", "text": words}])
    assert seen["bold"] == ["bold"]
    assert seen["codes"] == ["code", "rm *"]
    assert seen["links"] == ["https://a.example/"]
    assert {"h3", "ol", "ul", "blockquote", "table", "th", "td", "em"} <= set(seen["tags"])


async def test_every_kind_of_block_is_drawn_and_an_unknown_one_says_so(render: Any) -> None:
    rich = {
        "type": "rich_text",
        "elements": [
            {"type": "rich_text_section", "elements": [{"type": "text", "text": "inner words"}]}
        ],
    }
    card = {"type": "task_card", "task_id": "1", "title": "Look at PD", "status": "complete"}
    good = {"text": text("Good"), "value": "y"}
    seen = await render(
        [
            {"type": "divider"},
            {
                "type": "table",
                "rows": [[{"type": "raw_text", "text": "ID"}], [rich]],
                "column_settings": [{"align": "right"}],
            },
            {**card, "details": rich},
            {"type": "plan", "title": "Plan", "tasks": [{**card, "title": "Step"}]},
            {"type": "alert", "level": "warning", "text": mrkdwn("*careful*")},
            {"type": "card", "title": text("Card"), "body": mrkdwn("body")},
            {"type": "file", "external_id": "report.txt", "source": "remote"},
            {
                "type": "context_actions",
                "elements": [
                    {
                        "type": "feedback_buttons",
                        "action_id": "f",
                        "positive_button": good,
                        "negative_button": good,
                    }
                ],
            },
            {"type": "hologram"},
            {"type": "actions", "elements": [{"type": "teleporter"}]},
            {"type": "constructor"},
            {"type": "section", "text": mrkdwn("still here"), "fields": "not a list"},
        ]
    )
    for words in (
        "ID", "inner words", "Look at PD", "Plan", "Step", "careful", "Card", "report.txt",
        "Unsupported block: hologram", "Unsupported element: teleporter",
        "Unsupported block: constructor", "Unreadable block: section",
    ):  # fmt: skip
        assert words in seen["text"], words


async def test_inputs_begin_with_their_first_values(render: Any) -> None:
    def put(kind: str, **more: Any) -> dict[str, Any]:
        made = {"type": kind, "action_id": kind, **more}
        return {"type": "input", "block_id": kind, "label": text(kind), "element": made}

    option = {"text": text("One"), "value": "1"}
    seen = await render(
        [
            put("plain_text_input", initial_value="typed"),
            put("number_input", initial_value="7", is_decimal_allowed=False),
            put("static_select", options=[option], initial_option=option),
            put("multi_static_select", options=[option], initial_options=[option]),
            put("datepicker", initial_date="2026-11-21"),
            put("timepicker", initial_time="09:30"),
            put("checkboxes", options=[option], initial_options=[option]),
            put("radio_buttons", options=[option], initial_option=option),
            put("users_select", initial_user="U1"),
            put("email_text_input"),
            put("url_text_input"),
            put("datetimepicker", initial_date_time=1790000000),
        ]
    )
    values = {block: actions[block] for block, actions in seen["values"].items()}
    assert values["plain_text_input"]["value"] == "typed"
    assert values["static_select"]["selected_option"] == option
    assert values["checkboxes"]["selected_options"] == [option]
    assert values["datepicker"]["selected_date"] == "2026-11-21"
    assert values["datetimepicker"]["selected_date_time"] == 1790000000
    assert values["users_select"]["selected_user"] == "U1"
    assert values["email_text_input"] == {"type": "email_text_input", "value": None}


async def test_huge_and_tangled_text_is_drawn_in_good_time(gallery: Gallery, render: Any) -> None:
    tangles = ["*_~" * 4000, "<" * 12000, "`" * 12001, "*a " * 4000, "&gt;" * 3000, ":" * 12000]
    started = await gallery.page.evaluate("performance.now()")
    for words in tangles:
        await render([*section(words), {"type": "markdown", "text": words}])
    assert await gallery.page.evaluate("performance.now()") - started < 8_000


async def test_hostile_words_in_a_real_message_stay_words(stage: Stage, page: Page) -> None:
    await stage.post('&lt;img src=x onerror="window.hit=1"&gt; &lt;!channel&gt;')
    shown = page.locator(".message .message-text")
    await expect(shown).to_have_text('<img src=x onerror="window.hit=1"> <!channel>')
    assert await page.locator(".message .mention").count() == 0
    assert await page.evaluate("window.hit") is None


async def test_times_are_in_the_zone_of_the_acting_person(stage: Stage, page: Page) -> None:
    await stage.post("<!date^1790000000^{date_short} {time}|then>")
    when = page.locator(".message-text time")
    await expect(when).to_have_text("Sep 21, 2026 16:13")
    await page.click("#me")
    await page.click(".menu >> text=Chloe Lind")
    await expect(when).to_have_text("Sep 21, 2026 23:13")


async def test_a_legacy_attachment_has_its_colour_and_fields(stage: Stage, page: Page) -> None:
    made = {
        "color": "#a30200",
        "title": "Old style",
        "text": "*still* shown",
        "fields": [{"title": "Store", "value": "store-2", "short": True}],
    }
    await stage.post("see below", attachments=[made])
    box = page.locator(".attachment")
    await expect(box).to_contain_text("store-2")
    await expect(box).to_have_css("border-left-color", "rgb(163, 2, 0)")
