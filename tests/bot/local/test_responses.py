"""response_url: five uses, thirty minutes, replacing, deleting."""

from __future__ import annotations

import pytest


@pytest.fixture
def say(http):
    async def send(url, **body):
        async with http.post(url, json=body) as answer:
            return answer.status, await answer.json()

    return send


@pytest.fixture
async def address(still, still_server):
    still.acts.command("ben", "#ops", "/tickets")
    return still.deliveries.all[-1].payload["response_url"]


async def test_an_answer_is_private_unless_it_says_in_channel(still, address, say):
    assert await say(address, text="psst") == (200, {"ok": True})
    await say(address, text="all", response_type="in_channel")
    assert [m.text for m in still.whispers("#ops", "ben")] == ["psst"]
    assert [m.text for m in still.posts("#ops")] == ["all"]


async def test_the_sixth_use_is_refused(still, address, say):
    for n in range(5):
        assert (await say(address, text=str(n)))[0] == 200
    assert await say(address, text="6") == (404, {"ok": False, "error": "used_url"})
    assert len(still.whispers("#ops", "ben")) == 5


async def test_after_thirty_minutes_it_has_expired(still, address, say, clock):
    await clock.advance(1799)
    assert (await say(address, text="x"))[0] == 200
    await clock.advance(2)
    assert await say(address, text="x") == (404, {"ok": False, "error": "expired_url"})


async def test_an_unknown_address_is_refused(still_server, say):
    assert (await say(f"{still_server.url}/response/R0X", text="x"))[0] == 404


async def test_it_works_without_membership(still, address, say):
    still.places.leave(still.channel("#ops"), still.state.bot_user_id)
    assert (await say(address, text="still here"))[0] == 200
    assert len(still.whispers("#ops", "ben")) == 1


async def test_bad_content_is_refused_in_words(still, address, say):
    assert (await say(address, blocks=[{"type": "x"}]))[1]["error"] == "invalid_blocks"
    assert (await say(address, text=""))[1]["error"] == "no_text"


async def test_a_body_that_is_no_object_is_refused(http, address):
    async with http.post(address, data="hello") as answer:
        assert answer.status == 400


async def test_a_whisper_is_replaced_and_deleted(still, still_client, say, make):
    made = await still_client.chat_postEphemeral(
        channel=still.channel("#ops").id,
        user=still.user("ben").id,
        text="sure?",
        blocks=make.blocks(make.button()),
    )
    still.acts.click("ben", "#ops", made["message_ts"], "ack")
    url = still.deliveries.all[-1].payload["response_url"]
    await say(url, text="done", replace_original=True)
    [whisper] = still.whispers("#ops", "ben")
    assert (whisper.text, whisper.blocks, whisper.ts) == ("done", [], made["message_ts"])
    await say(url, delete_original=True)
    assert still.whispers("#ops", "ben") == []


async def test_a_message_is_replaced_for_all(still, still_client, say, make):
    made = await still_client.chat_postMessage(
        channel="#ops", text="card", blocks=make.blocks(make.button())
    )
    still.acts.click("ben", "#ops", made["ts"], "ack")
    url = still.deliveries.all[-1].payload["response_url"]
    await say(url, text="closed", replace_original="true")
    assert [m.text for m in still.posts("#ops")] == ["closed"]
