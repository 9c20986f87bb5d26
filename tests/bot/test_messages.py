"""Every message of ours, as usual and with hostile, huge and empty input: valid, inert, readable."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from bot.blocks import Message
from bot.validate import problems
from tests.bot import samples

USUAL = samples.everything()
INPUTS = {"hostile": samples.HOSTILE, "huge": samples.HUGE, "empty": "", "blank": " \n\t "}
GROUPS = {"usual": USUAL} | {kind: samples.hostile(text) for kind, text in INPUTS.items()}
each_group = pytest.mark.parametrize("group", GROUPS)
# What may stand in angle brackets: dates, a person, a group, and links of the configuration.
TOKEN = re.compile(
    r"<!date\^\d+\^[^|<>]+\|[^<>]+>|<@[UW][A-Z0-9]+>|<!subteam\^S[A-Z0-9]+>"
    r"|<https://(?:(?:grafana|wiki)\.example\.com/[^<>]*|x\|)>"
)


def walk(thing: Any) -> Iterator[dict[str, Any]]:
    if isinstance(thing, dict):
        yield thing
        for inner in thing.values():
            yield from walk(inner)
    elif isinstance(thing, list | tuple):
        for inner in thing:
            yield from walk(inner)


def mrkdwn(message: Message) -> list[str]:
    found = [o["text"] for o in walk(message.blocks) if o.get("type") == "mrkdwn"]
    return [message.text, *found]


def rich_types(message: Message) -> set[str]:
    return {str(one.get("type")) for one in walk(message.blocks)}


@each_group
def test_it_is_within_slacks_limits(group: str) -> None:
    for name, message in GROUPS[group].items():
        assert problems(message) == (), name
        assert message.blocks, name


@each_group
def test_its_plain_form_is_within_slacks_limits_and_says_something(group: str) -> None:
    for name, message in GROUPS[group].items():
        flat = message.fallback()
        assert problems(flat) == (), name
        assert flat.blocks == ()
        assert len(flat.text) > 10, name


@each_group
def test_no_markup_of_data_is_live(group: str) -> None:
    """Nothing in angle brackets but our own tokens, wherever Slack reads markup."""
    for name, message in GROUPS[group].items():
        for text in [*mrkdwn(message), message.fallback().text]:
            rest = TOKEN.sub("", text)
            assert not set("<>") & set(rest), (name, rest)


def test_hostile_data_makes_no_link_no_emoji_and_no_style() -> None:
    for name, message in GROUPS["hostile"].items():
        for text in [*mrkdwn(message), message.fallback().text]:
            found = [bad for bad in (":rotating_light:", "*b*", "<@U0ANA>") if bad in text]
            assert not found, (name, text)
        live = rich_types(message) & {"link", "emoji", "broadcast", "user", "usergroup"}
        assert not live, name
        for one in walk(message.blocks):
            assert one.get("type") != "plain_text" or one["emoji"] is False
            assert one.get("type") != "mrkdwn" or one["verbatim"] is True


@each_group
def test_no_control_or_direction_mark_reaches_slack(group: str) -> None:
    hidden = "[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
    for name, message in GROUPS[group].items():
        sent = json.dumps(message.payload(), ensure_ascii=False)
        assert not re.search(hidden, sent), name


@each_group
def test_a_button_carries_an_id_and_no_context(group: str) -> None:
    for one in walk([m.blocks for m in GROUPS[group].values()]):
        if one.get("type") == "button" and one["action_id"].startswith("ticket_"):
            assert re.fullmatch(r"t:\d+:\d+", one["value"])


@each_group
def test_there_is_at_most_one_primary_button_and_five_in_a_row(group: str) -> None:
    for name, message in GROUPS[group].items():
        made = [one for one in walk(message.blocks) if one.get("style") == "primary"]
        assert len(made) <= 1, name
        rows = [b for b in message.blocks if b["type"] == "actions"]
        assert all(len(b["elements"]) <= 5 for b in rows), name


@each_group
def test_the_first_text_has_words_in_it(group: str) -> None:
    for name, message in GROUPS[group].items():
        assert re.search(r"\w", message.text), name
        assert "None" not in message.text, name


@pytest.mark.parametrize("name", [n for n in USUAL if not n.startswith(("page-", "card-"))])
def test_only_cards_and_pages_call_somebody(name: str) -> None:
    """The end of a hold calls its holder, who asked for it; nothing else does (R13)."""
    called = rich_types(USUAL[name]) & {"user", "usergroup"} or "<!subteam" in USUAL[name].text
    assert not called or name == "reply-ticket.hold_ended"


def test_equal_messages_have_equal_digests_and_others_do_not() -> None:
    again = samples.everything()
    assert all(again[name].digest() == USUAL[name].digest() for name in USUAL)
    # A late click reads what a repeated resolve reads.
    different = {name: m.digest() for name, m in USUAL.items() if name != "late"}
    assert len(set(different.values())) == len(different)
    assert all(len(m.digest()) == 40 for m in USUAL.values())
