"""What happens in the workspace shows on the page by itself, and what the page does reaches the app."""

from __future__ import annotations

import base64
import re

import pytest
from playwright.async_api import Page, expect

from bot.local.cast import Config
from bot.local.server import LocalServer
from bot.local.workspace import Workspace

from .conftest import Complaints, Stage, card, open_page

pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="session")]
HEADER = ".message .block-header"


async def test_a_posted_card_appears_and_its_edit_replaces_it_without_a_reload(
    stage: Stage, page: Page
) -> None:
    await stage.post("CRITICAL", blocks=card())
    await expect(page.locator(HEADER)).to_contain_text("Open")
    await page.evaluate("window.still = true")
    await page.click("text=Acknowledge")
    await expect(page.locator(HEADER)).to_contain_text("Acknowledged")
    await expect(page.locator(".message")).to_have_count(1)
    assert await page.evaluate("window.still")
    assert stage.app.heard[0][:2] == ("ack", stage.id("ana"))


async def test_an_edit_keeps_the_focus_on_the_same_button(stage: Stage, page: Page) -> None:
    ts = await stage.post("CRITICAL", blocks=card())
    await page.focus("[data-action=hold]")
    await stage.app.client.chat_update(
        channel=stage.id("storage-alerts"), ts=ts, text="x", blocks=card("Worse")
    )
    await expect(page.locator(HEADER)).to_contain_text("Worse")
    await expect(page.locator("[data-action=hold]")).to_be_focused()


async def test_a_deleted_message_disappears(stage: Stage, page: Page) -> None:
    ts = await stage.post("going away")
    await expect(page.locator(".message >> text=going away")).to_be_visible()
    await stage.app.client.chat_delete(channel=stage.id("storage-alerts"), ts=ts)
    await expect(page.locator(".message >> text=going away")).to_have_count(0)


async def test_a_confirm_dialog_asks_before_the_click_is_sent(stage: Stage, page: Page) -> None:
    await stage.post("CRITICAL", blocks=card())
    await page.click("[data-action=resolve]")
    await expect(page.locator("dialog")).to_contain_text("store-2 is still down.")
    await page.keyboard.press("Escape")
    await expect(page.locator("dialog")).to_have_count(0)
    await page.click("[data-action=resolve]")
    await page.click("text=Resolve anyway")
    await stage.ws.until(lambda: len(stage.ws.deliveries.all) > 0, 5)
    await stage.ws.until(lambda: stage.app.heard, 5)
    assert stage.app.heard == [("resolve", stage.id("ana"), None)]


async def test_a_control_that_the_app_does_not_answer_gets_a_warning_beside_it(
    stage: Stage, page: Page
) -> None:
    await stage.post("CRITICAL", blocks=card())
    await page.click("[data-action=deaf]")
    warning = page.locator(".message .undelivered")
    await expect(warning).to_be_visible(timeout=8_000)
    assert "tocsin" in (await warning.inner_text()).lower()


async def test_a_message_elsewhere_marks_its_channel_and_the_title(
    stage: Stage, page: Page
) -> None:
    row = page.locator(".side-row", has_text="ops")
    await stage.post(f"<@{stage.id('ana')}> look", channel="ops")
    await expect(row).to_have_class("side-row unread")
    await expect(row.locator(".count")).to_have_text("1")
    await expect(page).to_have_title(re.compile(r"^\(1\) "))
    await row.click()
    await expect(page.locator(".message")).to_contain_text("look")
    await expect(row).not_to_have_class("side-row unread")
    await expect(page).to_have_title(re.compile(r"^[^(]"))


async def test_a_reader_further_up_is_told_of_new_messages_and_not_moved(
    stage: Stage, page: Page
) -> None:
    for n in range(30):
        await stage.post(f"line {n}\nand more\nand more")
    await expect(page.locator(".message >> text=line 29")).to_be_in_viewport()
    await page.locator("#scroller").hover()
    await page.mouse.wheel(0, -600)
    await expect(page.locator(".message >> text=line 29")).not_to_be_in_viewport()
    before = await page.evaluate("document.getElementById('scroller').scrollTop")
    await stage.post("the newest")
    await expect(page.locator("#new-pill")).to_have_text("1 new message")
    assert await page.evaluate("document.getElementById('scroller').scrollTop") == before
    await page.click("#new-pill")
    await expect(page.locator(".message >> text=the newest")).to_be_in_viewport()
    await expect(page.locator("#new-pill")).to_be_hidden()


async def test_older_messages_load_on_the_way_up(stage: Stage, page: Page) -> None:
    for n in range(70):
        await stage.post(f"number {n}.")
    await page.reload()
    await expect(page.locator(".message >> text=number 69.")).to_be_visible()
    assert await page.locator(".message").count() == 50
    await page.locator("#scroller").evaluate("(e) => { e.scrollTop = 0; }")
    await expect(page.locator(".message")).to_have_count(70)
    shown = await page.locator(".message-text").all_inner_texts()
    assert shown == [f"number {n}." for n in range(70)]


async def test_a_thread_opens_beside_the_channel_and_takes_a_reply(
    stage: Stage, page: Page
) -> None:
    ts = await stage.post("the root")
    await stage.post("first reply", thread_ts=ts)
    await page.click("text=1 reply")
    await expect(page.locator("#thread .message")).to_have_count(2)
    await page.locator("#thread textarea").fill("and mine")
    await page.keyboard.press("Enter")
    await expect(page.locator("#thread .message")).to_have_count(3)
    await expect(page.locator(".thread-summary")).to_contain_text("2 replies")
    assert await page.locator("#scroller .message").count() == 1
    await page.keyboard.press("Escape")
    await expect(page.locator("#thread")).to_be_hidden()


async def test_an_ephemeral_answer_is_seen_by_the_one_who_asked_only(
    stage: Stage, page: Page
) -> None:
    await page.fill("#composer textarea", "/tickets list")
    await page.keyboard.press("Enter")
    await expect(page.locator(".ephemeral")).to_contain_text("Only visible to you")
    await expect(page.locator(".ephemeral")).to_contain_text("You asked list")
    await page.click("#me")
    await page.click(".menu >> text=Ben Okafor")
    await expect(page.locator("#me")).to_contain_text("Ben Okafor")
    await expect(page.locator(".ephemeral")).to_have_count(0)


async def test_acting_as_another_user_speaks_as_them(stage: Stage, page: Page) -> None:
    await page.click("#me")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(page.locator("#me")).to_contain_text("Ben Okafor")
    await page.fill("#composer textarea", "hello @ana, 1 < 2 & *bold*")
    await page.keyboard.press("Enter")
    said = page.locator(".message")
    await expect(said).to_contain_text("hello @Ana Moreno, 1 < 2 & bold")
    await expect(said.locator(".author")).to_have_text("Ben Okafor")
    await expect(said.locator("strong")).to_have_text("bold")
    await stage.ws.until(lambda: stage.app.heard, 5)
    assert stage.app.heard[0][1] == stage.id("ben")
    assert f"<@{stage.id('ana')}>" in stage.app.heard[0][2]


async def test_a_refused_act_is_told_in_words(
    stage: Stage, page: Page, complaints: Complaints
) -> None:
    await stage.ws.until(lambda: stage.ws.sockets.connected, 5)
    stage.ws.channel("storage-alerts").is_archived = True
    await page.fill("#composer textarea", "anyone?")
    await page.keyboard.press("Enter")
    await expect(page.locator(".toast")).to_contain_text("archived")
    await expect(page.locator("#composer textarea")).to_have_value("anyone?")
    complaints.said.clear()  # the browser notes the 400


async def test_a_reaction_is_added_and_taken_back(stage: Stage, page: Page) -> None:
    await stage.post("react to me")
    await page.hover(".message")
    await page.click("[aria-label='React with eyes']")
    await expect(page.locator(".reaction.mine")).to_contain_text("1")
    await page.click(".reaction")
    await expect(page.locator(".reaction")).to_have_count(0)


async def test_the_home_is_asked_for_and_shown(stage: Stage, page: Page) -> None:
    await page.click("#apps a")
    await expect(page.locator("#home-body .block-header").first).to_have_text("Your tickets")
    assert await page.locator("#home-body .button").count() == 4


async def test_the_page_comes_back_by_itself_after_the_connection_breaks(
    stage: Stage, page: Page
) -> None:
    await page.evaluate("window.still = true")
    await stage.server._live.close()
    await stage.post("while it was away")
    await expect(page.locator(".message >> text=while it was away")).to_be_visible()
    await expect(page.locator("#offline")).to_be_hidden()
    await stage.post("and afterwards")
    await expect(page.locator(".message >> text=and afterwards")).to_be_visible()
    assert await page.evaluate("window.still")


async def test_two_pages_may_act_as_two_people(stage: Stage, page: Page) -> None:
    other = Complaints()
    second = await open_page(stage, other)
    await second.click("#me")
    await second.click(".menu >> text=Chloe Lind")
    await second.fill("#composer textarea", "from Tokyo")
    await second.keyboard.press("Enter")
    await expect(page.locator(".author")).to_have_text("Chloe Lind")
    await expect(page.locator("#me")).to_contain_text("Ana Moreno")
    await second.context.close()
    assert (other.said, other.elsewhere) == ([], [])


async def test_a_restarted_workspace_is_picked_up_by_itself(
    stage: Stage, page: Page, complaints: Complaints
) -> None:
    old = stage.server
    port = int(old.url.rsplit(":", 1)[1])
    await stage.app.leave()  # it knows only the old start, and would go on asking
    await old.__aexit__(None, None, None)
    await expect(page.locator("#offline")).to_be_visible()
    ws = Workspace(Config(team_name="Reborn"))
    async with LocalServer(ws, port=port):
        await expect(page.locator("#team-name")).to_have_text("Reborn", timeout=15_000)
        await page.goto("about:blank")
    complaints.said.clear()  # the browser notes what the new start refused


async def test_an_uploaded_picture_is_shown_from_the_workspace_itself(
    stage: Stage, page: Page
) -> None:
    dot = base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    )
    channel = stage.id("storage-alerts")
    await stage.app.client.files_upload_v2(
        channel=channel, content=dot, filename="graph.png", title="p99", alt_txt="p99 rises"
    )
    picture = page.locator(".message img")
    await expect(picture).to_have_attribute("alt", "p99 rises")
    await expect(picture).to_have_js_property("naturalWidth", 1)


async def test_a_storm_of_messages_is_drawn_in_order(stage: Stage, page: Page) -> None:
    channel = stage.ws.channel("storage-alerts")
    for n in range(300):
        stage.ws.acts.message("ben", channel.id, f"storm {n}")
    await expect(page.locator(".message").last).to_contain_text("storm 299", timeout=15_000)
    shown = await page.locator(".message-text").all_inner_texts()
    assert shown == [f"storm {n}" for n in range(300)]


async def test_a_card_out_of_sight_that_says_something_new_is_pointed_at(
    stage: Stage, page: Page
) -> None:
    ts = await stage.post("CRITICAL: store-2 is down", blocks=card())
    for n in range(25):
        await stage.post(f"line {n}\nand more")
    await expect(page.locator(".message >> text=line 24")).to_be_in_viewport()
    await stage.app.client.chat_update(
        channel=stage.id("storage-alerts"), ts=ts, text="resolved", blocks=card("Resolved")
    )
    await page.click("#above-pill:has-text('resolved')")
    await expect(page.locator(".block-header")).to_be_in_viewport()
    await expect(page.locator("#above-pill")).to_be_hidden()


async def test_a_mention_of_my_group_counts_as_mine(stage: Stage, page: Page) -> None:
    group = next(iter(stage.ws.state.groups))
    await stage.post(f"<!subteam^{group}> look", channel="ops")
    await expect(page.locator(".side-row", has_text="ops").locator(".count")).to_have_text("1")


async def test_what_only_another_may_see_is_not_shown(stage: Stage, page: Page) -> None:
    channel = stage.id("storage-alerts")
    for who in ("ben", "ana"):
        await stage.app.client.chat_postEphemeral(
            channel=channel, user=stage.id(who), text=f"for {who}"
        )
    await expect(page.locator(".ephemeral")).to_contain_text("for ana")
    assert await page.locator(".message").count() == 1
