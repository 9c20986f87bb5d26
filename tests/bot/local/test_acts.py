"""Acting as people: what their clicks and forms say, and what Slack's client would not let them do."""

from __future__ import annotations

import pytest

from bot.local.acts import Impossible, Incomplete


def last(ws):
    return ws.deliveries.all[-1].payload


@pytest.fixture
async def card(client, ws, make):
    """A message with one of each of the usual elements."""
    options = [{"text": make.plain(n), "value": n} for n in ("a", "b")]
    elements = [
        make.button(value="7", style="primary"),
        {"type": "static_select", "action_id": "pick", "options": options},
        {"type": "overflow", "action_id": "more", "options": options},
        {"type": "users_select", "action_id": "who"},
        {"type": "datepicker", "action_id": "day", "initial_date": "2026-01-05"},
        {"type": "checkboxes", "action_id": "boxes", "options": options},
    ]
    return await client.chat_postMessage(channel="#ops", text="card", blocks=make.blocks(*elements))


async def test_a_click_has_slacks_payload(card, ws, server):
    ws.acts.click("ben", "#ops", card["ts"], "ack")
    payload = last(ws)
    ben, ops = ws.user("ben"), ws.channel("#ops")
    assert payload["type"] == "block_actions"
    assert payload["user"] == {
        "id": ben.id, "username": "ben", "name": "ben", "team_id": ws.state.team_id,
    }  # fmt: skip
    assert payload["container"] == {
        "type": "message", "message_ts": card["ts"], "channel_id": ops.id, "is_ephemeral": False,
    }  # fmt: skip
    assert payload["channel"] == {"id": ops.id, "name": "ops"}
    assert payload["team"]["id"] == ws.state.team_id
    assert payload["enterprise"] is None
    assert payload["is_enterprise_install"] is False
    assert payload["message"]["ts"] == card["ts"]
    assert payload["response_url"].startswith(server.url)
    assert payload["trigger_id"]
    [action] = payload["actions"]
    assert {k: action[k] for k in ("type", "action_id", "block_id", "value", "style")} == {
        "type": "button", "action_id": "ack", "block_id": "row", "value": "7", "style": "primary",
    }  # fmt: skip
    assert action["text"]["text"] == "Acknowledge"
    assert float(action["action_ts"]) > 1_700_000_000


async def test_the_state_of_a_message_rides_along(card, ws):
    ws.acts.click("ben", "#ops", card["ts"], "ack", state={"pick": "b", "boxes": ["a"]})
    held = last(ws)["state"]["values"]["row"]
    assert held["pick"]["selected_option"]["value"] == "b"
    assert [o["value"] for o in held["boxes"]["selected_options"]] == ["a"]
    assert held["day"] == {"type": "datepicker", "selected_date": "2026-01-05"}
    assert held["who"] == {"type": "users_select", "selected_user": None}
    assert "more" not in held
    assert "ack" not in held


@pytest.mark.parametrize(
    ("element", "chosen", "key", "value"),
    [
        ("pick", "b", "selected_option", "b"),
        ("more", "a", "selected_option", "a"),
        ("who", "U0SOMEONE", "selected_user", "U0SOMEONE"),
        ("day", "2026-02-01", "selected_date", "2026-02-01"),
    ],
)
async def test_each_element_speaks_its_own_way(card, ws, element, chosen, key, value):
    ws.acts.click("ben", "#ops", card["ts"], element, chosen)
    found = last(ws)["actions"][0][key]
    assert (found["value"] if isinstance(found, dict) else found) == value


async def test_a_click_in_a_thread_names_the_thread(client, ws, make):
    root = await client.chat_postMessage(channel="#ops", text="root")
    reply = await client.chat_postMessage(
        channel="#ops", text="x", thread_ts=root["ts"], blocks=make.blocks(make.button())
    )
    ws.acts.click("ben", "#ops", reply["ts"], "ack")
    assert last(ws)["container"]["thread_ts"] == root["ts"]


async def test_a_click_on_a_whisper_carries_no_message(client, ws, make):
    made = await client.chat_postEphemeral(
        channel="#ops", user=ws.user("ben").id, text="x", blocks=make.blocks(make.button())
    )
    ws.acts.click("ben", "#ops", made["message_ts"], "ack")
    assert last(ws)["container"]["is_ephemeral"] is True
    assert "message" not in last(ws)
    with pytest.raises(Impossible, match="not there"):
        ws.acts.click("ana", "#ops", made["message_ts"], "ack")


async def test_what_was_sent_does_not_change_afterwards(ws, make):
    """A delivery may wait or be repeated while the app rewrites its view: it tells of the old one."""
    view = ws.views.open(ws.user("ben").id, make.modal(blocks=make.blocks(make.button())))
    ws.acts.view_click("ben", view["id"], "ack")
    ws.views.update(view, make.modal(title=make.plain("New")))
    assert last(ws)["view"]["title"]["text"] == "Hold"


async def test_nobody_acts_where_they_cannot(card, ws):
    with pytest.raises(Impossible, match="deactivated"):
        ws.acts.command("dora", "#ops", "/tickets")
    with pytest.raises(Impossible, match="is not in"):
        ws.acts.click("gus", "#ops", card["ts"], "ack")
    with pytest.raises(Impossible, match="no element"):
        ws.acts.click("ben", "#ops", card["ts"], "nothing")
    ws.places.archive(ws.channel("#ops"), ws.user("ana").id, True)
    with pytest.raises(Impossible, match="archived"):
        ws.acts.click("ben", "#ops", card["ts"], "ack")


async def test_a_partners_user_is_of_another_team(card, ws):
    ws.acts.click("fritz", "#ops", card["ts"], "ack")
    user = last(ws)["user"]
    assert user["team_id"] == ws.state.foreign_team_id != last(ws)["team"]["id"]


def form(make):
    options = [{"text": make.plain(n), "value": n} for n in ("2h", "4h")]

    def field(block_id, element, **more):
        return {
            "type": "input",
            "block_id": block_id,
            "label": make.plain(block_id),
            "element": element,
            **more,
        }

    return make.modal(
        blocks=[
            field("why", {"type": "plain_text_input", "action_id": "reason", "min_length": 3}),
            field(
                "until",
                {"type": "static_select", "action_id": "time", "options": options},
                optional=True,
            ),
            field(
                "note",
                {"type": "plain_text_input", "action_id": "text", "initial_value": "first"},
                optional=True,
            ),
        ]
    )


async def test_a_submission_has_the_whole_state(ws, make):
    view = ws.views.open(ws.user("ben").id, form(make))
    ws.acts.submit("ben", view["id"], {"reason": "disk swap", "time": "4h"})
    payload = last(ws)
    assert payload["type"] == "view_submission"
    assert payload["view"]["callback_id"] == "form"
    assert payload["response_urls"] == []
    values = payload["view"]["state"]["values"]
    assert values["why"]["reason"] == {"type": "plain_text_input", "value": "disk swap"}
    assert values["until"]["time"]["selected_option"]["value"] == "4h"
    assert values["note"]["text"]["value"] == "first"


@pytest.mark.parametrize(
    ("given", "block"), [({}, "why"), ({"reason": ""}, "why"), ({"reason": "no"}, "why")]
)
async def test_the_client_does_not_send_an_incomplete_form(ws, make, given, block):
    view = ws.views.open(ws.user("ben").id, form(make))
    with pytest.raises(Incomplete) as caught:
        ws.acts.submit("ben", view["id"], given)
    assert list(caught.value.errors) == [block]
    assert not ws.deliveries.all


async def test_answers_to_a_submission(ws, server, connect, make):
    ben = ws.user("ben").id

    async def answered(app, payload):
        view = ws.views.top(ben) or ws.views.open(ben, form(make))
        delivery = ws.acts.submit(
            "ben", view["id"], {"reason": "because"} if view["blocks"][0]["type"] == "input" else {}
        )
        envelope = await app.hear()
        assert envelope["accepts_response_payload"] is True
        await app.ack(envelope, payload)
        await ws.settled(delivery)
        return view, delivery

    async with connect(server) as app:
        view, _ = await answered(app, {"response_action": "errors", "errors": {"why": "no"}})
        assert ws.view_errors(view["id"]) == {"why": "no"}
        assert ws.view("ben")["id"] == view["id"]
        _, bad = await answered(app, {"response_action": "errors", "errors": {"nowhere": "no"}})
        assert (bad.status, bad.reason) == ("undelivered", "invalid_errors")
        await answered(app, {"response_action": "push", "view": make.modal()})
        assert ws.view("ben")["previous_view_id"] == view["id"]
        await answered(
            app, {"response_action": "update", "view": make.modal(title=make.plain("T2"))}
        )
        assert ws.view("ben")["title"]["text"] == "T2"
        _, bad = await answered(app, {"response_action": "update", "view": {"type": "modal"}})
        assert bad.status == "undelivered"
        await answered(app, None)
        assert ws.view("ben")["id"] == view["id"]
        await answered(app, {"response_action": "clear"})
        assert ws.view("ben") is None


async def test_closing_is_told_only_to_those_who_asked(ws, make):
    ben = ws.user("ben").id
    quiet = ws.views.open(ben, make.modal())
    assert ws.acts.close("ben", quiet["id"]) is None
    told = ws.views.open(ben, make.modal(notify_on_close=True))
    ws.acts.close("ben", told["id"])
    payload = last(ws)
    assert (payload["type"], payload["is_cleared"]) == ("view_closed", False)
    assert payload["view"]["id"] == told["id"]
    assert "trigger_id" not in payload
    with pytest.raises(Impossible, match="not open"):
        ws.acts.close("ana", told["id"])


async def test_a_click_in_a_view_names_the_view_and_keeps_what_was_typed(ws, make):
    view = ws.views.open(
        ws.user("ben").id,
        {**form(make), "blocks": [*form(make)["blocks"], *make.blocks(make.button())]},
    )
    ws.acts.view_click("ben", view["id"], "ack", state={"reason": "half a"})
    payload = last(ws)
    assert payload["container"] == {"type": "view", "view_id": view["id"]}
    assert "channel" not in payload
    assert "response_url" not in payload
    assert payload["view"]["state"]["values"]["why"]["reason"]["value"] == "half a"


# --- events that people cause -------------------------------------------------------------------
def events(ws):
    return [d.payload["event"] for d in ws.deliveries.all if d.kind == "events_api"]


async def test_an_event_has_slacks_wrapper(ws):
    said = ws.acts.message("ben", "#ops", "hello")
    payload = last(ws)
    assert payload["type"] == "event_callback"
    assert payload["team_id"] == ws.state.team_id
    assert payload["api_app_id"] == ws.state.app_id
    assert payload["event_id"].startswith("Ev")
    assert payload["authorizations"][0]["user_id"] == ws.state.bot_user_id
    assert payload["is_ext_shared_channel"] is True
    event = payload["event"]
    assert (event["type"], event["channel_type"], event["ts"]) == ("message", "channel", said.ts)
    assert event["event_ts"] == said.ts
    assert event["blocks"][0]["type"] == "rich_text"


async def test_channels_without_the_app_tell_it_nothing(ws):
    ws.acts.message("ben", "#random", "secret plan @tocsin")
    assert events(ws) == []


async def test_a_direct_message_is_no_mention(ws):
    ws.state.im(ws.user("ben"))
    ws.acts.message("ben", "@ben", "hello @tocsin")
    assert [(e["type"], e["channel_type"]) for e in events(ws)] == [("message", "im")]


async def test_edits_and_deletions_are_told_with_the_message_before(client, ws):
    made = await client.chat_postMessage(channel="#ops", text="a")
    await client.chat_update(channel=made["channel"], ts=made["ts"], text="b")
    ws.acts.delete("ana", "#ops", made["ts"])
    changed, deleted = events(ws)[1:]
    assert changed["subtype"] == "message_changed"
    assert (changed["previous_message"]["text"], changed["message"]["text"]) == ("a", "b")
    assert (deleted["subtype"], deleted["deleted_ts"]) == ("message_deleted", made["ts"])
    assert deleted["previous_message"]["text"] == "b"


async def test_reactions_and_memberships_are_told(ws):
    said = ws.acts.message("ben", "#ops", "a")
    ws.acts.reaction("ana", "#ops", said.ts, "eyes")
    gus, ops = ws.user("gus").id, ws.channel("#ops")
    ws.places.join(ops, gus, ws.user("ana").id)
    ws.places.leave(ops, gus)
    ws.places.leave(ops, ws.state.bot_user_id)
    kinds = [e["type"] for e in events(ws)]
    assert kinds == [
        "message", "reaction_added", "member_joined_channel", "member_left_channel", "channel_left",
    ]  # fmt: skip
    assert events(ws)[1]["item"] == {"type": "message", "channel": ops.id, "ts": said.ts}
    assert events(ws)[2]["inviter"] == ws.user("ana").id


async def test_only_subscribed_events_are_sent(ws):
    ws.state.events = frozenset({"app_mention"})
    ws.acts.message("ben", "#ops", "hey @tocsin")
    assert [e["type"] for e in events(ws)] == ["app_mention"]


async def test_a_partners_message_names_its_team(ws):
    ws.acts.message("fritz", "#ops", "hello from outside")
    assert events(ws)[0]["user_team"] == ws.state.foreign_team_id
    assert events(ws)[0]["source_team"] == ws.state.foreign_team_id


async def test_an_unanswered_close_warns_nobody_and_a_shortcut_warns_as_an_action(ws, make):
    """The page knows three kinds of warning: command, action, submit."""
    news = ws.state.news.subscribe()
    view = ws.views.open(ws.user("ben").id, make.modal(notify_on_close=True))
    closed = ws.acts.close("ben", view["id"])
    await ws.settled(closed)
    await ws.settled(ws.acts.shortcut("ben", "open_tickets"))
    told = [news.queue.get_nowait() for _ in range(news.queue.qsize())]
    assert [t["what"] for t in told if t["type"] == "undelivered"] == ["action"]


async def test_a_private_channels_own_events_keep_their_old_name(ws):
    secret = ws.places.create("secret", ws.state.bot_user_id, private=True)
    ana = ws.user("ana").id
    ws.places.archive(secret, ana, True)
    ws.places.archive(secret, ana, False)
    ws.places.leave(secret, ws.state.bot_user_id)
    assert [e["type"] for e in events(ws)] == ["group_archive", "group_unarchive", "group_left"]
