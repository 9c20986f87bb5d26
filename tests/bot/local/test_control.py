"""The control API: reading, acting as a user, faults, the panel; errors in words."""

from __future__ import annotations

import pytest

from bot.local.cast import Config, Limits
from bot.local.server import LocalServer
from bot.local.workspace import Workspace


@pytest.fixture
def control(http, server):
    async def call(path, body=None, method=None, **query):
        headers = {"X-Local-Secret": server.secret}
        how = {"headers": headers, "params": query}
        if body is not None:
            how["json"] = body
        verb = method or ("GET" if body is None else "POST")
        async with http.request(verb, f"{server.url}/local/{path}", **how) as answer:
            found = await answer.json()
            assert found["ok"] == (answer.status == 200)
            return found

    return call


async def test_state_has_everything_the_page_starts_with(control, ws):
    found = await control("state")
    assert found["team"] == {"id": ws.state.team_id, "name": "Local", "domain": "local"}
    ben = next(u for u in found["users"] if u["name"] == "ben")
    assert set(ben) == {
        "id",
        "name",
        "real_name",
        "color",
        "is_bot",
        "is_admin",
        "is_restricted",
        "deleted",
        "tz",
        "team_id",
    }
    ops = next(c for c in found["channels"] if c["name"] == "ops")
    assert set(ops) == {
        "id",
        "name",
        "topic",
        "is_im",
        "user",
        "is_private",
        "is_archived",
        "members",
        "latest",
    }
    assert found["app"]["bot_user_id"] == ws.state.bot_user_id
    assert found["app"]["connected"] == 0
    assert found["panel"] is None
    assert found["now"] == pytest.approx(ws.state.now_s(), abs=5)


async def test_commands_come_from_the_manifest(http):
    commands = [{"command": "/tickets", "description": "Tickets", "usage_hint": "list"}]
    ws = Workspace(Config(manifest={"features": {"slash_commands": commands}}))
    async with LocalServer(ws) as server:
        headers = {"X-Local-Secret": server.secret}
        async with http.get(f"{server.url}/local/state", headers=headers) as answer:
            assert (await answer.json())["commands"] == commands
        body = {"user": "ben", "channel": "#ops", "command": "/nothing"}
        url = f"{server.url}/local/act/command"
        async with http.post(url, headers=headers, json=body) as answer:
            assert (await answer.json())["error"] == "/nothing is not a valid command"


async def test_messages_are_oldest_first_with_ones_own_whispers(control, client, ws):
    ops, ben = ws.channel("#ops").id, ws.user("ben").id
    await client.chat_postMessage(channel=ops, text="one")
    await client.chat_postEphemeral(channel=ops, user=ben, text="psst")
    await client.chat_postMessage(channel=ops, text="two")
    seen = await control("messages", channel=ops, user=ben)
    assert [m["text"] for m in seen["messages"]] == ["one", "psst", "two"]
    assert [m.get("ephemeral", False) for m in seen["messages"]] == [False, True, False]
    others = await control("messages", channel=ops, user=ws.user("ana").id)
    assert [m["text"] for m in others["messages"]] == ["one", "two"]


async def test_messages_page_backwards(control, client, ws):
    ops = ws.channel("#ops").id
    for n in range(5):
        await client.chat_postMessage(channel=ops, text=str(n))
    new = await control("messages", channel=ops, user="ben", limit="2")
    assert ([m["text"] for m in new["messages"]], new["has_more"]) == (["3", "4"], True)
    before = new["messages"][0]["ts"]
    old = await control("messages", channel=ops, user="ben", limit="10", before=before)
    assert ([m["text"] for m in old["messages"]], old["has_more"]) == (["0", "1", "2"], False)


async def test_a_thread_has_its_root_first_and_the_whispers_in_it(control, client, ws):
    ops, ben = ws.channel("#ops").id, ws.user("ben").id
    root = (await client.chat_postMessage(channel=ops, text="root"))["ts"]
    await client.chat_postMessage(channel=ops, text="a", thread_ts=root)
    await client.chat_postEphemeral(channel=ops, user=ben, text="psst", thread_ts=root)
    found = await control("replies", channel=ops, ts=root, user=ben)
    assert [m["text"] for m in found["messages"]] == ["root", "a", "psst"]
    assert (await control("messages", channel=ops, user=ben))["messages"][-1]["text"] == "root"


async def test_one_cannot_read_anothers_direct_message(control, client, ws):
    im = (await client.chat_postMessage(channel=ws.user("ben").id, text="x"))["channel"]
    assert len((await control("messages", channel=im, user="ben"))["messages"]) == 1
    assert "may not read" in (await control("messages", channel=im, user="ana"))["error"]


async def test_a_guest_reads_only_where_a_member(control):
    assert (await control("messages", channel="#random", user="gus"))["ok"]
    assert "may not read" in (await control("messages", channel="#ops", user="gus"))["error"]


async def test_saying_something_and_reacting_and_deleting(control, ws):
    ben = ws.user("ben").id
    said = await control("act/message", {"user": ben, "channel": "#ops", "text": "hi @ana"})
    [message] = ws.posts("#ops")
    assert message.text == f"hi <@{ws.user('ana').id}>"
    about = {"user": ben, "channel": "#ops", "ts": said["ts"]}
    await control("act/reaction", {**about, "name": "eyes"})
    assert message.reactions == {"eyes": [ben]}
    await control("act/reaction", {**about, "name": "eyes", "remove": True})
    assert message.reactions == {}
    refused = await control("act/delete", {**about, "user": "chloe"})
    assert "may not delete" in refused["error"]
    await control("act/delete", about)
    assert ws.posts("#ops") == []


async def test_a_click_takes_the_messages_own_value(control, client, ws, make):
    button = make.button(value="ticket-7")
    made = await client.chat_postMessage(channel="#ops", text="x", blocks=make.blocks(button))
    body = {
        "user": "ben",
        "channel": made["channel"],
        "message_ts": made["ts"],
        "block_id": "row",
        "action_id": "ack",
        "action": {"type": "button", "value": "forged"},
    }
    assert (await control("act/action", body))["ok"]
    [action] = ws.deliveries.all[-1].payload["actions"]
    assert action["value"] == "ticket-7"


async def test_only_offered_options_can_be_chosen(control, client, ws, make):
    option = {"text": make.plain("2 hours"), "value": "2h"}
    menu = {"type": "static_select", "action_id": "until", "options": [option]}
    made = await client.chat_postMessage(channel="#ops", text="x", blocks=make.blocks(menu))
    body = {
        "user": "ben",
        "channel": made["channel"],
        "message_ts": made["ts"],
        "block_id": "row",
        "action_id": "until",
        "action": {"selected_option": option},
    }
    assert (await control("act/action", body))["ok"]
    assert ws.deliveries.all[-1].payload["actions"][0]["selected_option"] == option
    body["action"] = {"selected_option": {**option, "value": "forever"}}
    assert "offers no option" in (await control("act/action", body))["error"]


async def test_an_incomplete_form_is_told_live_and_not_sent(control, ws, make):
    view = ws.views.open(ws.user("ben").id, make.modal("why"))
    news = ws.state.news.subscribe()
    before = len(ws.deliveries.all)
    assert (await control("act/submit", {"user": "ben", "view_id": view["id"], "state": {}}))["ok"]
    told = news.queue.get_nowait()
    assert told["type"] == "view_errors"
    assert told["errors"] == {"why": "Please complete this required field."}
    assert len(ws.deliveries.all) == before


async def test_channels_are_made_archived_and_left(control, ws):
    async def do(verb, **more):
        return await control("act/channel", {"user": "ana", "do": verb, **more})

    made = (await do("create", name="inc-1"))["channel"]["id"]
    assert "exists already" in (await do("create", name="inc-1"))["error"]
    await do("invite_app", channel=made)
    assert ws.state.bot_user_id in ws.channel(made).members
    await do("kick_app", channel=made)
    assert ws.state.bot_user_id not in ws.channel(made).members
    await do("archive", channel=made)
    assert ws.channel(made).is_archived
    talk = await control("act/message", {"user": "ana", "channel": made, "text": "x"})
    assert talk["error"] == "#inc-1 is archived"
    await do("unarchive", channel=made)
    assert not ws.channel(made).is_archived
    guest = await control("act/channel", {"user": "gus", "do": "create", "name": "x"})
    assert "may not" in guest["error"]


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("act/message", {}, "user is missing"),
        ("act/message", {"user": "nobody", "channel": "#ops", "text": "x"}, "no user 'nobody'"),
        ("act/message", {"user": "ben", "channel": "#no", "text": "x"}, "no channel '#no'"),
        ("act/message", {"user": "dora", "channel": "#ops", "text": "x"}, "deactivated"),
        ("act/message", {"user": "gus", "channel": "#ops", "text": "x"}, "is not in ops"),
        ("act/message", {"user": "ben", "channel": "#ops", "text": "  "}, "nothing to say"),
        ("act/message", {"user": "ben", "channel": "#ops", "text": 7}, "text must be a text"),
        ("act/action", {"user": "ben", "channel": "#ops", "message_ts": "1", "action_id": "a"}, "not there"),
        ("act/submit", {"user": "ben", "view_id": "V0"}, "not open"),
        ("act/close", {"user": "ben", "view_id": "V0"}, "not open"),
        ("act/dance", {"user": "ben"}, "no act 'dance'"),
        ("act/channel", {"user": "ana", "channel": "#ops", "do": "paint"}, "nothing known of"),
        ("faults", {"method": "*", "fault": "fire"}, "has no fault 'fire'"),
        ("faults", {"method": "*", "fault": "500", "times": "many"}, "times must be a number"),
        ("panel", {"name": "store-1", "verb": "kill"}, "has no panel"),
    ],
)  # fmt: skip
async def test_refusals_are_words_for_a_person(control, path, body, words):
    assert words in (await control(path, body))["error"]


async def test_faults_are_armed_listed_and_cleared(control, ws):
    body = {
        "method": "chat.postMessage",
        "fault": "429",
        "times": 3,
        "retry_after": 5,
        "channel": "#ops",
    }
    [armed] = (await control("faults", body))["faults"]
    assert (armed["times"], armed["retry_after"]) == (3, 5)
    assert armed["channel"] == ws.channel("#ops").id
    assert len((await control("faults"))["faults"]) == 1
    await control("faults", method="DELETE")
    assert (await control("faults"))["faults"] == []


async def test_open_sockets_hang_at_once(control, server, ws, connect):
    async with connect(server):
        await ws.connected()
        await control("faults", {"method": "socket", "fault": "half_open"})
        assert ws.sockets.connections[0].half_open
        await control("faults", {"method": "socket", "fault": "refresh"})
    await control("faults", {"method": "socket", "fault": "half_open"})
    assert [f.kind for f in ws.faults.armed] == ["half_open"]


async def test_the_log_shows_calls_and_deliveries(control, client, ws):
    await client.chat_postMessage(channel="#ops", text="hello")
    ws.acts.command("ben", "#ops", "/tickets")
    lines = (await control("log"))["log"]
    call = next(line for line in lines if line["method"] == "chat.postMessage")
    assert (call["direction"], call["status"], call["summary"]) == ("in", "ok", "hello")
    sent = next(line for line in lines if line["method"] == "command")
    assert (sent["direction"], sent["summary"]) == ("out", "/tickets")
    assert "xoxb" not in str(lines)


async def test_home_and_shortcuts_reach_the_app(control, ws, make):
    assert (await control("home", user="ben"))["view"] is None
    ws.views.publish(ws.user("ben").id, {"type": "home", "blocks": make.blocks()})
    assert (await control("home", user="ben"))["view"]["type"] == "home"
    await control("act/home", {"user": "ben"})
    assert ws.deliveries.all[-1].payload["event"]["type"] == "app_home_opened"
    assert ws.deliveries.all[-1].payload["event"]["view"]["type"] == "home"
    await control("act/shortcut", {"user": "ben", "callback_id": "open_tickets"})
    assert ws.deliveries.all[-1].payload["type"] == "shortcut"
    said = ws.acts.message("ben", "#ops", "look")
    body = {"user": "ben", "callback_id": "to_ticket", "channel": "#ops", "message_ts": said.ts}
    await control("act/shortcut", body)
    payload = ws.deliveries.all[-1].payload
    assert (payload["type"], payload["message"]["text"]) == ("message_action", "look")


class Twin:
    """A panel of one store."""

    def __init__(self):
        self.state_name = "running"

    async def state(self):
        return {
            "title": "twin",
            "items": [{"name": "store-1", "state": self.state_name}],
            "note": "",
        }

    async def act(self, name, verb):
        if name != "store-1":
            raise LookupError(f"no store {name}")
        self.state_name = "stopped"


async def test_the_panel_is_shown_acted_on_and_pushed_live(http):
    ws = Workspace(Config(limits=Limits(enabled=False)))
    async with LocalServer(ws, panel=Twin()) as server:
        headers = {"X-Local-Secret": server.secret}
        async with http.get(f"{server.url}/local/state", headers=headers) as answer:
            assert (await answer.json())["panel"]["items"][0]["state"] == "running"
        async with http.ws_connect(f"{server.url}/local/live") as live:
            await live.send_json({"secret": server.secret})
            first = await live.receive_json(timeout=5)
            assert (first["type"], first["panel"]["title"]) == ("panel", "twin")
            for name, code in (("store-1", 200), ("store-9", 404)):
                body = {"name": name, "verb": "kill"}
                url = f"{server.url}/local/panel"
                async with http.post(url, headers=headers, json=body) as answer:
                    assert answer.status == code
            second = await live.receive_json(timeout=5)
            assert second["panel"]["items"][0]["state"] == "stopped"


class Blind:
    """A panel that cannot look."""

    async def state(self):
        raise OSError("the twin is gone")

    async def act(self, name, verb):
        raise RuntimeError("the twin is gone")


async def test_a_panel_that_cannot_look_says_so_and_harms_nothing(http):
    ws = Workspace(Config())
    async with LocalServer(ws, panel=Blind()) as server:
        headers = {"X-Local-Secret": server.secret}
        async with http.get(f"{server.url}/local/state", headers=headers) as answer:
            assert (await answer.json())["panel"]["note"] == "cannot be read: the twin is gone"
        async with http.ws_connect(f"{server.url}/local/live") as live:
            await live.send_json({"secret": server.secret})
            assert (await live.receive_json(timeout=5))["type"] == "panel"
        body = {"name": "store-1", "verb": "kill"}
        async with http.post(f"{server.url}/local/panel", headers=headers, json=body) as answer:
            assert (await answer.json())["error"] == "the twin is gone"
    assert ws.state.tasks.failures == []
