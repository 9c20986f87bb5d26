"""The smaller families: who is there, views, files, streams, marks, checks."""

from __future__ import annotations

import json

import pytest
from slack_sdk.errors import SlackApiError


async def error_of(call):
    with pytest.raises(SlackApiError) as caught:
        await call
    return caught.value.response["error"]


async def test_auth_test_names_bot_and_team(client, ws, server):
    found = await client.auth_test()
    assert found["user_id"] == ws.state.bot_user_id
    assert found["bot_id"] == ws.state.bot_id
    assert found["team_id"] == ws.state.team_id
    assert found["url"] == f"{server.url}/"


async def test_people_have_their_standing(client, ws):
    async def user(name):
        return (await client.users_info(user=ws.user(name).id))["user"]

    assert (await user("ana"))["is_admin"] is True
    assert (await user("ben"))["is_admin"] is False
    assert (await user("gus"))["is_restricted"] is True
    dora = await user("dora")
    assert dora["deleted"] is True
    assert "is_admin" not in dora
    fritz = await user("fritz")
    assert fritz["team_id"] != ws.state.team_id
    assert fritz["is_stranger"] is True
    assert (await user("deploybot"))["is_bot"] is True
    assert await error_of(client.users_info(user="U0NOBODY")) == "user_not_found"


async def test_the_directory_leaves_out_foreign_people(client, ws):
    names = {u["name"] for u in (await client.users_list())["members"]}
    assert {"ana", "ben", "chloe", "gus", "dora", "deploybot", "tocsin"} == names


async def test_people_are_found_by_mail(client, ws):
    found = await client.users_lookupByEmail(email="ben@example.com")
    assert found["user"]["id"] == ws.user("ben").id
    assert await error_of(client.users_lookupByEmail(email="dora@example.com")) == "users_not_found"


async def test_mail_addresses_need_their_scope(client, ws):
    ws.state.scopes.discard("users:read.email")
    found = await client.users_info(user=ws.user("ben").id)
    assert "email" not in found["user"]["profile"]


async def test_user_groups_and_their_members(client, ws):
    [group] = (await client.usergroups_list(include_users=True))["usergroups"]
    assert group["handle"] == "storage-oncall"
    assert group["users"] == [ws.user("ana").id, ws.user("ben").id]
    members = await client.usergroups_users_list(usergroup=group["id"])
    assert members["users"] == group["users"]
    assert await error_of(client.usergroups_users_list(usergroup="S0")) == "no_such_subteam"


async def test_team_and_bot_info(client, ws):
    assert (await client.team_info())["team"]["domain"] == "local"
    assert (await client.bots_info(bot=ws.state.bot_id))["bot"]["user_id"] == ws.state.bot_user_id
    assert await error_of(client.bots_info(bot="B0")) == "bot_not_found"


async def test_api_test_needs_no_token(http, server):
    async with http.post(f"{server.api_url}api.test", data={"a": "1"}) as answer:
        assert (await answer.json())["args"] == {"a": "1"}


# --- views --------------------------------------------------------------------------------------
async def test_a_trigger_works_once_and_for_three_seconds(still_client, still, make, clock):
    ben = still.user("ben").id
    trigger = still.triggers.make(ben)
    await still_client.views_open(trigger_id=trigger, view=make.modal())
    again = still_client.views_open(trigger_id=trigger, view=make.modal())
    assert await error_of(again) == "exchanged_trigger_id"
    late = still.triggers.make(ben)
    await clock.advance(3.1)
    assert (
        await error_of(still_client.views_open(trigger_id=late, view=make.modal()))
        == "expired_trigger_id"
    )
    unknown = still_client.views_open(trigger_id="1.2.x", view=make.modal())
    assert await error_of(unknown) == "invalid_trigger_id"


async def test_an_invalid_view_does_not_use_up_its_trigger(client, ws, make):
    trigger = ws.triggers.make(ws.user("ben").id)
    bad = make.modal(title=make.plain("x" * 25))
    with pytest.raises(SlackApiError) as caught:
        await client.views_open(trigger_id=trigger, view=bad)
    assert caught.value.response["response_metadata"]["messages"] == [
        "[ERROR] must be less than 25 characters [json-pointer:/view/title/text]"
    ]
    await client.views_open(trigger_id=trigger, view=make.modal())


async def test_the_stack_holds_three_views(client, ws, make):
    ben = ws.user("ben").id
    root = (await client.views_open(trigger_id=ws.triggers.make(ben), view=make.modal()))["view"]
    for _ in range(2):
        pushed = await client.views_push(trigger_id=ws.triggers.make(ben), view=make.modal())
    assert pushed["view"]["root_view_id"] == root["id"]
    fourth = client.views_push(trigger_id=ws.triggers.make(ben), view=make.modal())
    assert await error_of(fourth) == "push_limit_reached"


async def test_a_stale_hash_conflicts(client, ws, make):
    trigger = ws.triggers.make(ws.user("ben").id)
    first = (await client.views_open(trigger_id=trigger, view=make.modal("why")))["view"]
    where = {"view_id": first["id"], "view": make.modal("why", "until")}
    second = (await client.views_update(**where, hash=first["hash"]))["view"]
    assert second["hash"] != first["hash"]
    assert await error_of(client.views_update(**where, hash=first["hash"])) == "hash_conflict"
    await client.views_update(**where)
    gone = client.views_update(view_id="V0NONE", view=make.modal())
    assert await error_of(gone) == "not_found"


async def test_an_update_keeps_what_was_typed_in_blocks_that_stay(client, ws, make):
    trigger = ws.triggers.make(ws.user("ben").id)
    view = (await client.views_open(trigger_id=trigger, view=make.modal("why")))["view"]
    ws.views.all[view["id"]]["state"] = {
        "values": {"why": {"value": {"type": "plain_text_input", "value": "typed"}}}
    }
    await client.views_update(view_id=view["id"], view=make.modal("why", "until"))
    assert ws.view("ben")["state"]["values"]["why"]["value"]["value"] == "typed"


async def test_external_ids_find_a_view_and_are_unique(client, ws, make):
    ben, ana = ws.user("ben").id, ws.user("ana").id
    view = make.modal(external_id="mine")
    await client.views_open(trigger_id=ws.triggers.make(ben), view=view)
    twice = client.views_open(trigger_id=ws.triggers.make(ana), view=view)
    assert await error_of(twice) == "duplicate_external_id"
    await client.views_update(external_id="mine", view=make.modal(title=make.plain("New")))
    assert ws.view("ben")["title"]["text"] == "New"


async def test_a_home_is_published_and_replaced(client, ws, make):
    ben = ws.user("ben").id
    home = {"type": "home", "blocks": make.blocks(text="one")}
    first = (await client.views_publish(user_id=ben, view=home))["view"]
    home = {"type": "home", "blocks": make.blocks(text="two")}
    second = (await client.views_publish(user_id=ben, view=home))["view"]
    assert first["id"] == second["id"]
    assert ws.home("ben")["blocks"][0]["text"]["text"] == "two"
    stale = client.views_publish(user_id=ben, view=home, hash=first["hash"])
    assert await error_of(stale) == "hash_conflict"
    wrong = client.views_publish(user_id=ben, view=make.modal())
    assert await error_of(wrong) == "invalid_arguments"


async def test_a_huge_view_is_too_large(client, ws, make):
    view = make.modal()
    view["blocks"] = make.blocks(text="x" * 2999) * 90
    trigger = ws.triggers.make(ws.user("ben").id)
    assert await error_of(client.views_open(trigger_id=trigger, view=view)) == "view_too_large"


# --- files --------------------------------------------------------------------------------------
async def test_slack_sdks_upload_shares_a_file_and_it_is_served_back(client, ws, http):
    png = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
    done = await client.files_upload_v2(
        channel=ws.channel("#ops").id,
        content=png,
        filename="graph.png",
        title="p99",
        alt_txt="latency rising at 10:00",
        initial_comment="see here",
    )
    [message] = await ws.until(lambda: ws.posts("#ops"))
    assert (message.text, message.subtype) == ("see here", "file_share")
    info = await client.files_info(file=done["file"]["id"])
    assert info["file"]["shares"]["public"][message.channel][0]["ts"] == message.ts
    assert info["file"]["alt_txt"] == "latency rising at 10:00"
    async with http.get(info["file"]["url_private"]) as answer:
        assert await answer.read() == png
        assert answer.content_type == "image/png"
    assert len((await client.files_list())["files"]) == 1


async def test_active_content_is_only_ever_downloaded(client, ws, http):
    done = await client.files_upload_v2(content=b"<script>", filename="x.html")
    async with http.get(done["file"]["url_private"]) as answer:
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_file_in_an_image_block_gets_its_address(client, ws, make):
    done = await client.files_upload_v2(content=b"x", filename="a.png")
    image = {"type": "image", "alt_text": "a", "slack_file": {"id": done["file"]["id"]}}
    await client.chat_postMessage(channel="#ops", text="x", blocks=[image])
    stored = ws.posts("#ops")[0].blocks[0]["slack_file"]
    assert stored["url"] == done["file"]["url_private"]
    image["slack_file"] = {"id": "F0NONE"}
    call = client.chat_postMessage(channel="#ops", text="x", blocks=[image])
    assert await error_of(call) == "invalid_blocks"


async def test_an_upload_that_never_came_cannot_be_completed(client, ws):
    made = await client.files_getUploadURLExternal(filename="a.png", length=3)
    done = client.files_completeUploadExternal(files=[{"id": made["file_id"]}])
    assert await error_of(done) == "file_not_found"


async def test_a_file_cannot_be_shared_where_the_app_is_not(client, ws, http):
    made = await client.files_getUploadURLExternal(filename="a.png", length=3)
    async with http.post(made["upload_url"], data=b"abc") as answer:
        assert await answer.text() == "OK - 3"
    done = client.files_completeUploadExternal(
        files=[{"id": made["file_id"]}], channel_id=ws.channel("#random").id
    )
    assert await error_of(done) == "not_in_channel"


# --- streams ------------------------------------------------------------------------------------
async def test_a_stream_grows_and_ends(client, ws):
    root = await client.chat_postMessage(channel="#ops", text="root")
    ops = root["channel"]
    started = await client.chat_startStream(
        channel=ops,
        thread_ts=root["ts"],
        recipient_user_id=ws.user("ben").id,
        recipient_team_id=ws.state.team_id,
        markdown_text="Looking",
    )
    where = {"channel": ops, "ts": started["ts"]}
    await client.chat_appendStream(**where, markdown_text=" at **store 3**")
    await client.chat_appendStream(
        **where,
        chunks=[{"type": "task_update", "id": "t1", "title": "PD", "status": "in_progress"}],
    )
    await client.chat_appendStream(
        **where, chunks=[{"type": "task_update", "id": "t1", "title": "PD", "status": "complete"}]
    )
    assert await error_of(client.chat_update(**where, text="x")) == "streaming_state_conflict"
    await client.chat_stopStream(**where, markdown_text=" done")
    [reply] = ws.replies("#ops", root["ts"])
    assert reply.text == "Looking at **store 3** done"
    cards = [b for b in reply.blocks if b["type"] == "task_card"]
    assert [c["status"] for c in cards] == ["complete"]
    again = client.chat_appendStream(**where, markdown_text="x")
    assert await error_of(again) == "message_not_in_streaming_state"


async def test_a_stream_left_alone_expires(still_client, still, clock):
    root = await still_client.chat_postMessage(channel=still.user("ben").id, text="root")
    started = await still_client.chat_startStream(channel=root["channel"], thread_ts=root["ts"])
    await clock.advance(301)
    late = still_client.chat_appendStream(
        channel=root["channel"], ts=started["ts"], markdown_text="x"
    )
    assert await error_of(late) == "message_not_in_streaming_state"


async def test_a_stream_in_a_channel_needs_its_recipient(client, ws):
    root = await client.chat_postMessage(channel="#ops", text="root")
    call = client.chat_startStream(channel=root["channel"], thread_ts=root["ts"])
    assert await error_of(call) == "missing_recipient_user_id"


async def test_a_status_is_cleared_by_the_answer_or_after_two_minutes(still_client, still, clock):
    root = await still_client.chat_postMessage(channel="#ops", text="root")
    where = {"channel_id": root["channel"], "thread_ts": root["ts"]}
    await still_client.assistant_threads_setStatus(**where, status="thinking")
    assert list(still.statuses) == [(root["channel"], root["ts"])]
    await still_client.chat_postMessage(channel="#ops", text="a", thread_ts=root["ts"])
    assert still.statuses == {}
    await still_client.assistant_threads_setStatus(**where, status="thinking")
    await clock.advance(121)
    assert still.statuses == {}


async def test_titles_and_prompts_are_kept(client, ws):
    root = await client.chat_postMessage(channel="#ops", text="root")
    where = {"channel_id": root["channel"], "thread_ts": root["ts"]}
    await client.assistant_threads_setTitle(**where, title="Store 3")
    prompts = [{"title": "Why?", "message": "why is it down"}]
    await client.assistant_threads_setSuggestedPrompts(**where, prompts=prompts)
    assert list(ws.titles.values()) == ["Store 3"]
    assert list(ws.prompts.values()) == [prompts]


# --- marks --------------------------------------------------------------------------------------
async def test_reactions_come_and_go(client, ws):
    made = await client.chat_postMessage(channel="#ops", text="x")
    where = {"channel": made["channel"], "timestamp": made["ts"]}
    await client.reactions_add(**where, name="eyes")
    assert await error_of(client.reactions_add(**where, name="eyes")) == "already_reacted"
    found = await client.reactions_get(**where)
    assert found["message"]["reactions"] == [
        {"name": "eyes", "users": [ws.state.bot_user_id], "count": 1}
    ]
    await client.reactions_remove(**where, name="eyes")
    assert await error_of(client.reactions_remove(**where, name="eyes")) == "no_reaction"
    assert await error_of(client.reactions_add(**where, name="no such!")) == "invalid_name"
    gone = client.reactions_add(channel=made["channel"], timestamp="1.1", name="eyes")
    assert await error_of(gone) == "message_not_found"


async def test_pins_come_and_go(client, ws):
    made = await client.chat_postMessage(channel="#ops", text="x")
    where = {"channel": made["channel"], "timestamp": made["ts"]}
    await client.pins_add(**where)
    assert await error_of(client.pins_add(**where)) == "already_pinned"
    assert len((await client.pins_list(channel=made["channel"]))["items"]) == 1
    await client.pins_remove(**where)
    assert await error_of(client.pins_remove(**where)) == "no_pin"


# --- blocks.validate ----------------------------------------------------------------------------
async def test_blocks_validate_answers_in_its_documented_shape(client, make):
    assert (await client.blocks_validate(blocks=make.blocks()))["ok"]
    with pytest.raises(SlackApiError) as caught:
        await client.blocks_validate(blocks=[{"type": "header", "text": make.plain("x" * 151)}])
    response = caught.value.response
    assert response["error"] == "invalid_blocks"
    assert response["errors"] == [
        {
            "pointer": "/0/text/text",
            "code": "failed_constraint",
            "message": "must be less than 151 characters",
            "constraint": "max_length",
        }
    ]


async def test_blocks_validate_takes_exactly_one_payload(http, server, make):
    headers = {"Authorization": f"Bearer {server.bot_token}"}
    for given, error in (
        ({}, "invalid_arguments"),
        ({"blocks": "[]", "view": json.dumps(make.modal())}, "invalid_arguments"),
        ({"view": json.dumps({"type": "modal"})}, "invalid_view"),
        ({"message": "{}"}, "invalid_message"),
    ):
        url = f"{server.api_url}blocks.validate"
        async with http.post(url, headers=headers, data=given) as answer:
            assert (await answer.json())["error"] == error
