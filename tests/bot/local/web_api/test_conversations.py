"""conversations.*: reading back, paging, membership, creating and leaving."""

from __future__ import annotations

import pytest
from slack_sdk.errors import SlackApiError

META = {"event_type": "k", "event_payload": {"key": "1"}}


@pytest.fixture
def ops(ws):
    return ws.channel("#ops").id


async def error_of(call):
    with pytest.raises(SlackApiError) as caught:
        await call
    return caught.value.response["error"]


async def test_history_is_newest_first_in_pages_with_cursors(client, ops):
    for n in range(5):
        await client.chat_postMessage(channel=ops, text=str(n))
    seen, cursor = [], ""
    while True:
        page = await client.conversations_history(channel=ops, limit=2, cursor=cursor)
        seen.append([m["text"] for m in page["messages"]])
        if not page["has_more"]:
            break
        cursor = page["response_metadata"]["next_cursor"]
    assert seen == [["4", "3"], ["2", "1"], ["0"]]


async def test_metadata_is_returned_only_when_asked_for(client, ops):
    root = await client.chat_postMessage(channel=ops, text="x", metadata=META)
    await client.chat_postMessage(channel=ops, text="y", metadata=META, thread_ts=root["ts"])
    for call, extra in (
        (client.conversations_history, {}),
        (client.conversations_replies, {"ts": root["ts"]}),
    ):
        without = await call(channel=ops, **extra)
        assert all("metadata" not in m for m in without["messages"])
        found = await call(channel=ops, include_all_metadata=True, **extra)
        assert all(m["metadata"] == META for m in found["messages"])


async def test_oldest_latest_and_inclusive_bound_the_history(client, ops):
    stamps = [(await client.chat_postMessage(channel=ops, text=str(n)))["ts"] for n in range(4)]

    async def texts(**bounds):
        found = await client.conversations_history(channel=ops, **bounds)
        return [m["text"] for m in found["messages"]]

    assert await texts(oldest=stamps[1]) == ["3", "2"]
    assert await texts(oldest=stamps[1], inclusive=True) == ["3", "2", "1"]
    assert await texts(latest=stamps[2]) == ["1", "0"]
    assert await texts(latest=stamps[2], inclusive=True) == ["2", "1", "0"]
    assert await texts(latest=stamps[2], oldest=stamps[2], inclusive=True, limit=1) == ["2"]


async def test_replies_page_oldest_first_with_the_root_once(client, ops):
    root = (await client.chat_postMessage(channel=ops, text="root"))["ts"]
    for n in range(5):
        await client.chat_postMessage(channel=ops, text=str(n), thread_ts=root)
    first = await client.conversations_replies(channel=ops, ts=root, limit=3)
    assert [m["text"] for m in first["messages"]] == ["root", "0", "1", "2"]
    cursor = first["response_metadata"]["next_cursor"]
    rest = await client.conversations_replies(channel=ops, ts=root, limit=3, cursor=cursor)
    assert [m["text"] for m in rest["messages"]] == ["3", "4"]
    assert rest["has_more"] is False


async def test_replies_are_not_in_the_history(client, ops):
    root = (await client.chat_postMessage(channel=ops, text="root"))["ts"]
    await client.chat_postMessage(channel=ops, text="a", thread_ts=root)
    found = await client.conversations_history(channel=ops)
    assert [m["text"] for m in found["messages"]] == ["root"]


async def test_a_thread_that_is_not_there_is_thread_not_found(client, ops):
    call = client.conversations_replies(channel=ops, ts="1700000000.000001")
    assert await error_of(call) == "thread_not_found"


@pytest.mark.parametrize("cursor", ["???", "bm9uc2Vuc2U=", "bmV4dDo="])
async def test_a_cursor_that_slack_did_not_give_is_invalid(client, ops, cursor):
    assert (
        await error_of(client.conversations_history(channel=ops, cursor=cursor)) == "invalid_cursor"
    )
    assert await error_of(client.conversations_list(cursor=cursor)) == "invalid_cursor"


async def test_history_of_a_channel_without_the_app_is_not_in_channel(client, ws):
    call = client.conversations_history(channel=ws.channel("#random").id)
    assert await error_of(call) == "not_in_channel"


async def test_a_private_channel_needs_its_own_scope(client, ws):
    secret = ws.places.create("secret", ws.state.bot_user_id, private=True)
    ws.state.scopes.discard("groups:history")
    with pytest.raises(SlackApiError) as caught:
        await client.conversations_history(channel=secret.id)
    assert caught.value.response["needed"] == "groups:history"


async def test_channels_are_listed_in_pages_and_private_ones_only_to_members(client, ws):
    ws.places.create("secret", ws.user("ana").id, private=True)
    first = await client.conversations_list(limit=2)
    cursor = first["response_metadata"]["next_cursor"]
    rest = await client.conversations_list(
        limit=2, cursor=cursor, types="public_channel,private_channel"
    )
    names = [c["name"] for page in (first, rest) for c in page["channels"]]
    assert names == ["storage-alerts", "ops", "random"]
    flags = {c["name"]: c["is_member"] for page in (first, rest) for c in page["channels"]}
    assert flags == {"storage-alerts": True, "ops": True, "random": False}
    mine = await client.users_conversations()
    assert [c["name"] for c in mine["channels"]] == ["storage-alerts", "ops"]


async def test_info_and_members(client, ws, ops):
    info = await client.conversations_info(channel=ops, include_num_members=True)
    assert info["channel"]["name"] == "ops"
    assert info["channel"]["is_ext_shared"] is True
    found = await client.conversations_members(channel=ops)
    assert ws.state.bot_user_id in found["members"]
    assert info["channel"]["num_members"] == len(found["members"])
    assert await error_of(client.conversations_info(channel="C0NOWHERE")) == "channel_not_found"


async def test_a_direct_message_opens_once(client, ws):
    ben = ws.user("ben").id
    one = await client.conversations_open(users=[ben])
    two = await client.conversations_open(users=ben, return_im=True)
    assert one["channel"]["id"] == two["channel"]["id"]
    assert two["channel"]["is_im"] is True
    assert await error_of(client.conversations_open(users=ws.user("dora").id)) == "user_disabled"
    assert await error_of(client.conversations_open(users="U0NOBODY")) == "user_not_found"


async def test_an_incident_channel_is_made_filled_and_archived(client, ws):
    made = await client.conversations_create(name="inc-42")
    channel = made["channel"]["id"]
    await client.conversations_invite(channel=channel, users=[ws.user("ben").id])
    await client.conversations_setTopic(channel=channel, topic="store 3")
    assert ws.channel("#inc-42").topic == "store 3"
    assert await error_of(client.conversations_create(name="inc-42")) == "name_taken"
    assert await error_of(client.conversations_create(name="Bad Name")) == "invalid_name_specials"
    again = client.conversations_invite(channel=channel, users=ws.user("ben").id)
    assert await error_of(again) == "already_in_channel"
    await client.conversations_archive(channel=channel)
    assert await error_of(client.conversations_archive(channel=channel)) == "already_archived"
    assert await error_of(client.conversations_join(channel=channel)) == "is_archived"


async def test_joining_twice_is_a_warning(client, ws):
    random = ws.channel("#random").id
    await client.conversations_join(channel=random)
    assert ws.state.bot_user_id in ws.channel("#random").members
    assert (await client.conversations_join(channel=random))["warning"] == "already_in_channel"


async def test_replies_may_be_bounded_too(client, ops):
    root = (await client.chat_postMessage(channel=ops, text="root"))["ts"]
    stamps = [
        (await client.chat_postMessage(channel=ops, text=str(n), thread_ts=root))["ts"]
        for n in range(4)
    ]

    async def texts(**bounds):
        found = await client.conversations_replies(channel=ops, ts=root, **bounds)
        return [m["text"] for m in found["messages"][1:]]

    assert await texts(oldest=stamps[1]) == ["2", "3"]
    assert await texts(oldest=stamps[1], latest=stamps[2], inclusive=True) == ["1", "2"]
    assert await texts(oldest=stamps[0], latest=stamps[3]) == ["1", "2"]


@pytest.mark.parametrize("bound", ["oldest", "latest"])
async def test_a_bound_that_is_no_timestamp_is_refused(client, ops, bound):
    for ts in ("yesterday", "-1", "1.1.1"):
        call = client.conversations_history(channel=ops, **{bound: ts})
        assert await error_of(call) == f"invalid_ts_{bound}"
    assert (await client.conversations_history(channel=ops, oldest="0"))["ok"]
