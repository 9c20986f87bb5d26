"""Live news: each change reaches each page, in the contract's words."""

from __future__ import annotations

import pytest


@pytest.fixture
async def live(http, server):
    async with http.ws_connect(f"{server.url}/local/live") as websocket:
        await websocket.send_json({"secret": server.secret})
        yield websocket


async def heard(live, kind):
    """The next news of this kind."""
    while True:
        item = await live.receive_json(timeout=5)
        if item["type"] == kind:
            return item


async def test_posts_edits_and_deletions_are_told(live, ws, client):
    await ws.until(lambda: ws.state.news.watched)
    made = await client.chat_postMessage(channel="#ops", text="a")
    assert (await heard(live, "message"))["message"]["text"] == "a"
    await client.chat_update(channel=made["channel"], ts=made["ts"], text="b")
    changed = await heard(live, "message_changed")
    assert (changed["channel"], changed["message"]["text"]) == (made["channel"], "b")
    await client.chat_delete(channel=made["channel"], ts=made["ts"])
    assert (await heard(live, "message_deleted"))["ts"] == made["ts"]


async def test_a_reply_tells_of_itself_and_of_its_root(live, ws, client):
    await ws.until(lambda: ws.state.news.watched)
    root = await client.chat_postMessage(channel="#ops", text="root")
    await heard(live, "message")
    await client.chat_postMessage(channel="#ops", text="a", thread_ts=root["ts"])
    assert (await heard(live, "message"))["message"]["thread_ts"] == root["ts"]
    assert (await heard(live, "message_changed"))["message"]["reply_count"] == 1


async def test_whispers_name_their_reader_and_thread(live, ws, client):
    await ws.until(lambda: ws.state.news.watched)
    root = await client.chat_postMessage(channel="#ops", text="root")
    ben = ws.user("ben").id
    await client.chat_postEphemeral(
        channel=root["channel"], user=ben, text="psst", thread_ts=root["ts"]
    )
    item = await heard(live, "ephemeral")
    assert (item["user"], item["thread_ts"]) == (ben, root["ts"])
    assert item["message"]["ephemeral"] is True
    ws.acts.delete("ben", "#ops", item["message"]["ts"])
    assert (await heard(live, "ephemeral_deleted"))["user"] == ben


async def test_views_open_change_stack_and_close(live, ws, client, make):
    await ws.until(lambda: ws.state.news.watched)
    ben = ws.user("ben").id
    made = (await client.views_open(trigger_id=ws.triggers.make(ben), view=make.modal()))["view"]
    assert (await heard(live, "view_opened"))["view"]["id"] == made["id"]
    await client.views_update(view_id=made["id"], view=make.modal("why"))
    assert len((await heard(live, "view_updated"))["view"]["blocks"]) == 1
    pushed = (await client.views_push(trigger_id=ws.triggers.make(ben), view=make.modal()))["view"]
    assert (await heard(live, "view_pushed"))["view"]["previous_view_id"] == made["id"]
    ws.acts.close("ben", pushed["id"])
    closed = await heard(live, "view_closed")
    assert (closed["view_id"], closed["all"]) == (pushed["id"], False)
    home = {"type": "home", "blocks": make.blocks()}
    await client.views_publish(user_id=ben, view=home)
    assert (await heard(live, "home"))["user"] == ben


async def test_connections_and_channels_are_told(live, ws, server, connect):
    await ws.until(lambda: ws.state.news.watched)
    async with connect(server):
        assert (await heard(live, "app"))["connected"] == 1
    assert (await heard(live, "app"))["connected"] == 0
    ws.places.create("inc-1", ws.user("ana").id)
    assert (await heard(live, "channel"))["channel"]["name"] == "inc-1"


async def test_a_page_that_cannot_keep_up_is_cut_off(ws):
    subscription = ws.state.news.subscribe()
    for _ in range(3000):
        ws.state.news.tell("x", dict)
    assert subscription.lost
    assert subscription.queue.qsize() <= 2000
