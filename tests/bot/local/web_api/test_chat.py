"""chat.*: what is stored, what is refused, and with which of Slack's words."""

from __future__ import annotations

import json

import pytest
from slack_sdk.errors import SlackApiError

from bot.local.cast import ChannelSpec, Config, Limits
from bot.local.server import LocalServer
from bot.local.workspace import Workspace

META = {"event_type": "tocsin_effect", "event_payload": {"key": "abc"}}


async def refused(call):
    with pytest.raises(SlackApiError) as caught:
        await call
    return caught.value.response


async def test_a_post_comes_back_with_its_ts_and_stands_in_history(server, ws, client, make):
    ops = ws.channel("#ops").id
    made = await client.chat_postMessage(
        channel=ops, text="down", blocks=make.blocks(make.button()), metadata=META
    )
    message = made["message"]
    assert message["bot_id"] == ws.state.bot_id
    assert message["user"] == ws.state.bot_user_id
    assert message["app_id"] == ws.state.app_id
    assert all(block["block_id"] for block in message["blocks"])
    assert made["channel"] == ops
    [stored] = ws.posts("#ops")
    assert stored.ts == made["ts"]
    assert stored.metadata == META


async def test_every_ts_of_a_channel_is_later_than_the_one_before(
    still_server, still, still_client
):
    ops = still.channel("#ops").id
    stamps = [
        (await still_client.chat_postMessage(channel=ops, text=str(n)))["ts"] for n in range(5)
    ]
    assert stamps == sorted(set(stamps))
    assert all(len(ts) == len("1234567890.123456") for ts in stamps)


async def test_a_channel_may_be_given_by_name_and_a_user_by_id(server, ws, client):
    await client.chat_postMessage(channel="#ops", text="by name")
    made = await client.chat_postMessage(channel=ws.user("ben").id, text="to you")
    assert made["channel"].startswith("D")
    assert [m.text for m in ws.posts("@ben")] == ["to you"]


@pytest.mark.parametrize(
    ("channel", "error"),
    [
        ("C0NOWHERE", "channel_not_found"),
        ("#random", "not_in_channel"),
        ("#old", "is_archived"),
        ("#secret", "channel_not_found"),
    ],
)
async def test_posting_where_the_app_may_not_has_slacks_error(http, client, ws, channel, error):
    ws.places.archive(ws.places.create("old", ws.user("ana").id), ws.user("ana").id, True)
    ws.places.create("secret", ws.user("ana").id, private=True)
    response = await refused(client.chat_postMessage(channel=channel, text="x"))
    assert response["error"] == error


async def test_chat_write_public_reaches_public_channels(http):
    scopes = {"oauth_config": {"scopes": {"bot": ["chat:write", "chat:write.public"]}}}
    ws = Workspace(Config(manifest=scopes))
    async with LocalServer(ws) as server:
        headers = {"Authorization": f"Bearer {server.bot_token}"}
        data = {"channel": "#random", "text": "hi"}
        url = f"{server.api_url}chat.postMessage"
        async with http.post(url, headers=headers, data=data) as answer:
            assert (await answer.json())["ok"]


@pytest.mark.parametrize("text", ["", "   ", "\n"])
async def test_nothing_to_say_is_no_text(http, server, text):
    data = {"channel": "#ops", "text": text, "token": server.bot_token}
    async with http.post(f"{server.api_url}chat.postMessage", data=data) as answer:
        assert (await answer.json())["error"] == "no_text"


async def test_text_above_forty_thousand_is_cut_with_a_warning(client, ws):
    made = await client.chat_postMessage(channel="#ops", text="x" * 40_001)
    assert made["response_metadata"]["warnings"] == ["message_truncated"]
    assert len(ws.posts("#ops")[0].text) == 40_000


async def test_an_edit_refuses_long_text(client, ws):
    made = await client.chat_postMessage(channel="#ops", text="x")
    response = await refused(
        client.chat_update(channel=made["channel"], ts=made["ts"], text="x" * 4001)
    )
    assert response["error"] == "msg_too_long"
    await client.chat_update(channel=made["channel"], ts=made["ts"], text="x" * 4000)


async def test_markdown_text_stands_alone(client):
    response = await refused(
        client.chat_postMessage(channel="#ops", text="a", markdown_text="**b**")
    )
    assert response["error"] == "markdown_text_conflict"
    made = await client.chat_postMessage(channel="#ops", markdown_text="**b**")
    assert made["message"]["blocks"][0]["type"] == "markdown"


async def test_fifty_one_blocks_are_refused_with_a_pointer(client, make):
    response = await refused(
        client.chat_postMessage(channel="#ops", text="x", blocks=make.blocks() * 51)
    )
    assert response["error"] == "invalid_blocks"
    assert response["errors"] == ["no more than 50 items allowed [json-pointer:/blocks]"]
    assert response["response_metadata"]["messages"] == [
        "[ERROR] no more than 50 items allowed [json-pointer:/blocks]"
    ]


async def test_legal_blocks_with_too_much_text_together_are_refused(client, make):
    long = make.blocks(text="x" * 2700)
    response = await refused(client.chat_postMessage(channel="#ops", text="x", blocks=long * 5))
    assert response["error"] == "msg_blocks_too_long"
    await client.chat_postMessage(channel="#ops", text="x", blocks=long * 4)


@pytest.mark.parametrize(
    ("argument", "value", "error"),
    [
        ("blocks", "{not json", "invalid_blocks_format"),
        ("blocks", '{"type":"section"}', "invalid_blocks_format"),
        ("attachments", "[1]", "invalid_attachments"),
        ("attachments", json.dumps([{"text": "x"}] * 101), "too_many_attachments"),
        ("metadata", '{"event_type": "x"}', "invalid_metadata_format"),
        (
            "metadata",
            json.dumps({"event_type": "x", "event_payload": {"k": "v" * 20_000}}),
            "metadata_too_large",
        ),
        ("thread_ts", "yesterday", "invalid_thread_ts"),
    ],
)
async def test_malformed_arguments_have_their_own_errors(http, server, argument, value, error):
    data = {"channel": "#ops", "text": "x", "token": server.bot_token, argument: value}
    async with http.post(f"{server.api_url}chat.postMessage", data=data) as answer:
        assert (await answer.json())["error"] == error


async def test_a_reply_joins_the_thread_and_counts_on_its_root(client, ws):
    root = await client.chat_postMessage(channel="#ops", text="root")
    first = await client.chat_postMessage(channel="#ops", text="a", thread_ts=root["ts"])
    second = await client.chat_postMessage(channel="#ops", text="b", thread_ts=first["ts"])
    assert second["message"]["thread_ts"] == root["ts"]
    [top] = ws.posts("#ops")
    body = top.as_json()
    assert (body["reply_count"], body["latest_reply"]) == (2, second["ts"])
    assert [m.text for m in ws.replies("#ops", root["ts"])] == ["a", "b"]


async def test_a_broadcast_reply_shows_in_the_channel_too(client, ws):
    root = await client.chat_postMessage(channel="#ops", text="root")
    made = await client.chat_postMessage(
        channel="#ops", text="all", thread_ts=root["ts"], reply_broadcast=True
    )
    assert made["message"]["subtype"] == "thread_broadcast"
    assert [m.text for m in ws.posts("#ops")] == ["root", "all"]


async def test_a_reply_to_a_message_that_is_gone_lands_at_top_level(client, ws):
    made = await client.chat_postMessage(channel="#ops", text="lost", thread_ts="1700000000.000100")
    assert "thread_ts" not in made["message"]
    assert [m.text for m in ws.posts("#ops")] == ["lost"]


async def test_angle_brackets_and_ampersands_are_escaped_but_markup_is_kept(client, ws):
    ben = ws.user("ben").id
    text = f"a < b & c > d <@{ben}> <https://x.y|z> <!here> &lt;"
    await client.chat_postMessage(channel="#ops", text=text)
    assert ws.posts("#ops")[0].text == (
        f"a &lt; b &amp; c &gt; d <@{ben}> <https://x.y|z> <!here> &lt;"
    )


async def test_an_edit_links_names_unless_it_says_parse_none(client, ws):
    """chat.update defaults to parse=client: labels with @ and # come alive (slack.md 2.4)."""
    made = await client.chat_postMessage(channel="#ops", text="@here @ben #ops")
    assert made["message"]["text"] == "@here @ben #ops"
    where = {"channel": made["channel"], "ts": made["ts"]}
    plain = await client.chat_update(**where, text="@here @ben #ops", parse="none")
    assert plain["text"] == "@here @ben #ops"
    linked = await client.chat_update(**where, text="@here @ben #ops https://x.y")
    assert linked["text"] == (f"<!here> @ben <#{ws.channel('#ops').id}|ops> <https://x.y>")


async def test_unfurling_flags_are_remembered(client, ws):
    await client.chat_postMessage(
        channel="#ops", text="x", unfurl_links=False, unfurl_media=False, parse="none"
    )
    flags = ws.posts("#ops")[0].flags
    assert (flags["unfurl_links"], flags["unfurl_media"], flags["parse"]) == (False, False, "none")


async def test_an_edit_of_text_alone_removes_the_blocks(client, ws, make):
    made = await client.chat_postMessage(
        channel="#ops", text="a", blocks=make.blocks(), metadata=META
    )
    where = {"channel": made["channel"], "ts": made["ts"]}
    await client.chat_update(**where, text="b")
    [message] = ws.posts("#ops")
    assert (message.text, message.blocks, message.metadata) == ("b", [], META)
    assert message.edited


async def test_an_edit_with_blocks_shows_no_edited_mark(client, ws, make):
    made = await client.chat_postMessage(channel="#ops", text="a")
    where = {"channel": made["channel"], "ts": made["ts"]}
    await client.chat_update(**where, text="b", blocks=make.blocks(), metadata={})
    [message] = ws.posts("#ops")
    assert message.edited is None
    assert message.metadata is None


async def test_only_own_messages_can_be_edited_or_deleted(client, ws):
    said = ws.acts.message("ben", "#ops", "mine")
    where = {"channel": said.channel, "ts": said.ts}
    assert (await refused(client.chat_update(**where, text="x")))["error"] == "cant_update_message"
    assert (await refused(client.chat_delete(**where)))["error"] == "cant_delete_message"


async def test_a_message_that_is_gone_is_message_not_found(client, ws):
    made = await client.chat_postMessage(channel="#ops", text="a")
    where = {"channel": made["channel"], "ts": made["ts"]}
    ws.acts.delete("ana", "#ops", made["ts"])
    assert (await refused(client.chat_update(**where, text="x")))["error"] == "message_not_found"
    assert (await refused(client.chat_delete(**where)))["error"] == "message_not_found"
    assert ws.posts("#ops") == []


async def test_a_deleted_root_leaves_a_tombstone_that_can_still_be_answered(client, ws):
    root = await client.chat_postMessage(channel="#ops", text="root")
    where = {"channel": root["channel"], "ts": root["ts"]}
    await client.chat_postMessage(channel="#ops", text="a", thread_ts=root["ts"])
    ws.acts.delete("ana", "#ops", root["ts"])
    assert ws.posts("#ops")[0].subtype == "tombstone"
    assert (await refused(client.chat_update(**where, text="x")))["error"] == "message_not_found"
    await client.chat_postMessage(channel="#ops", text="b", thread_ts=root["ts"])
    assert [m.text for m in ws.replies("#ops", root["ts"])] == ["a", "b"]


async def test_an_edit_in_an_archived_channel_is_is_inactive(client, ws):
    made = await client.chat_postMessage(channel="#ops", text="a")
    ws.places.archive(ws.channel("#ops"), ws.user("ana").id, True)
    response = await refused(client.chat_update(channel=made["channel"], ts=made["ts"], text="b"))
    assert response["error"] == "is_inactive"


async def test_the_edit_window_closes(http, clock):
    ws = Workspace(Config(edit_window_s=60, limits=Limits(enabled=False)), clock)
    async with LocalServer(ws) as server:
        base = {"token": server.bot_token, "channel": ws.channel("#ops").id}

        async def call(method, **more):
            async with http.post(server.api_url + method, data=base | more) as answer:
                return await answer.json()

        ts = (await call("chat.postMessage", text="a"))["ts"]
        assert (await call("chat.update", text="b", ts=ts))["ok"]
        await clock.advance(61)
        assert (await call("chat.update", text="c", ts=ts))["error"] == "edit_window_closed"


async def test_an_ephemeral_is_seen_by_one_user_and_cannot_be_read_back(client, ws):
    ops, ben = ws.channel("#ops").id, ws.user("ben").id
    made = await client.chat_postEphemeral(channel=ops, user=ben, text="psst")
    assert [m.ts for m in ws.whispers("#ops", "ben")] == [made["message_ts"]]
    assert ws.whispers("#ops", "ana") == []
    assert (await client.conversations_history(channel=ops))["messages"] == []
    response = await refused(client.chat_update(channel=ops, ts=made["message_ts"], text="x"))
    assert response["error"] == "message_not_found"


async def test_an_ephemeral_for_a_stranger_to_the_channel_is_refused(client, ws):
    gus = ws.user("gus").id
    response = await refused(client.chat_postEphemeral(channel="#ops", user=gus, text="psst"))
    assert response["error"] == "user_not_in_channel"


async def test_a_permalink_leads_to_message_and_thread(client, ws):
    root = await client.chat_postMessage(channel="#ops", text="root")
    reply = await client.chat_postMessage(channel="#ops", text="a", thread_ts=root["ts"])
    ops = root["channel"]
    link = (await client.chat_getPermalink(channel=ops, message_ts=reply["ts"]))["permalink"]
    assert link.endswith(
        f"/archives/{ops}/p{reply['ts'].replace('.', '')}?thread_ts={root['ts']}&cid={ops}"
    )
    response = await refused(client.chat_getPermalink(channel=ops, message_ts="1.000001"))
    assert response["error"] == "message_not_found"


async def test_a_scheduled_message_is_posted_at_its_time(still_client, still, clock):
    at = int(still.state.now_s()) + 60
    made = await still_client.chat_scheduleMessage(channel="#ops", text="later", post_at=at)
    assert len((await still_client.chat_scheduledMessages_list())["scheduled_messages"]) == 1
    assert still.posts("#ops") == []
    await clock.advance(61)
    assert [m.text for m in still.posts("#ops")] == ["later"]
    response = await refused(
        still_client.chat_deleteScheduledMessage(
            channel=made["channel"], scheduled_message_id=made["scheduled_message_id"]
        )
    )
    assert response["error"] == "invalid_scheduled_message_id"


async def test_customised_names_need_their_scope(http):
    manifest = {"oauth_config": {"scopes": {"bot": ["chat:write", "chat:write.customize"]}}}
    ws = Workspace(Config(manifest=manifest, channels=(ChannelSpec("ops", ("ana",), app=True),)))
    async with LocalServer(ws) as server:
        data = {"channel": "#ops", "text": "x", "username": "Twin", "token": server.bot_token}
        async with http.post(f"{server.api_url}chat.postMessage", data=data) as answer:
            message = (await answer.json())["message"]
    assert (message["username"], message["subtype"]) == ("Twin", "bot_message")
