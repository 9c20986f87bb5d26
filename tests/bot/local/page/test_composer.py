"""Writing: completion by keyboard, commands, history."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from .conftest import Stage

pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="session")]
BOX = "#composer textarea"
ITEMS = "#composer .complete-item"


async def test_a_command_is_completed_and_sent_by_keyboard_alone(stage: Stage, page: Page) -> None:
    await page.focus(BOX)
    await page.keyboard.type("/")
    await expect(page.locator(ITEMS)).to_have_count(4)
    await expect(page.locator(ITEMS).first).to_contain_text("list [open|held]")
    await page.keyboard.type("ti")
    await expect(page.locator(ITEMS)).to_have_count(2)  # and the shortcut "Open a ticket"
    await expect(page.locator(".complete-item.active")).to_contain_text("/tickets")
    await page.keyboard.press("Tab")
    await expect(page.locator(BOX)).to_have_value("/tickets ")
    await expect(page.locator(ITEMS)).to_have_count(3)
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowDown")
    await expect(page.locator(".complete-item.active")).to_contain_text("/tickets show")
    await page.keyboard.press("Enter")
    await expect(page.locator(BOX)).to_have_value("/tickets show ")
    await expect(page.locator("#composer .usage")).to_have_text("/tickets show <id>")
    await page.keyboard.type("T-1")
    await page.keyboard.press("Enter")
    await stage.ws.until(lambda: stage.app.heard, 5)
    assert stage.app.heard == [("command", stage.id("ana"), "show T-1")]
    await expect(page.locator(BOX)).to_have_value("")


async def test_a_verb_typed_in_full_is_sent_by_one_enter(stage: Stage, page: Page) -> None:
    await page.focus(BOX)
    await page.keyboard.type("/tickets list")
    await page.keyboard.press("Enter")
    await stage.ws.until(lambda: stage.app.heard, 5)
    assert stage.app.heard[0][2] == "list"


async def test_up_brings_back_what_was_sent_and_escape_closes_the_list(
    stage: Stage, page: Page
) -> None:
    await page.focus(BOX)
    await page.keyboard.type("one")
    await page.keyboard.press("Enter")
    await page.keyboard.type("two")
    await page.keyboard.press("Enter")
    await page.keyboard.press("ArrowUp")
    await expect(page.locator(BOX)).to_have_value("two")
    await page.keyboard.press("ArrowUp")
    await expect(page.locator(BOX)).to_have_value("one")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.type("/")
    await expect(page.locator(ITEMS)).to_have_count(4)
    await page.keyboard.press("Escape")
    await expect(page.locator(ITEMS)).to_have_count(0)


async def test_shift_enter_breaks_the_line_and_enter_sends(stage: Stage, page: Page) -> None:
    await page.focus(BOX)
    await page.keyboard.type("first")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("second")
    await page.keyboard.press("Enter")
    await stage.ws.until(lambda: stage.app.heard, 5)
    assert stage.app.heard[0][2] == "first\nsecond"


async def test_a_name_is_completed_after_an_at_sign(stage: Stage, page: Page) -> None:
    await page.focus(BOX)
    await page.keyboard.type("ask @be")
    await expect(page.locator(".complete-item.active")).to_contain_text("Ben Okafor")
    await page.keyboard.press("Enter")
    await expect(page.locator(BOX)).to_have_value("ask @ben ")
    await page.keyboard.press("Enter")
    await expect(page.locator(".message .mention")).to_have_text("@Ben Okafor")


async def test_an_unknown_command_is_not_sent(stage: Stage, page: Page) -> None:
    await page.fill(BOX, "/tickest list")
    await page.keyboard.press("Enter")
    await expect(page.locator("#composer .compose-notice")).to_contain_text(
        "/tickest is not a command"
    )
    await expect(page.locator(BOX)).to_have_value("/tickest list")
    assert await page.locator(".message").count() == 0


async def test_a_command_in_a_thread_is_refused_as_slack_does(stage: Stage, page: Page) -> None:
    await stage.post("root")
    await page.hover(".message")
    await page.click("[aria-label='Reply in thread']")
    await page.locator("#thread textarea").fill("/tickets list")
    await page.keyboard.press("Enter")
    await expect(page.locator("#thread .compose-notice")).to_contain_text("not in a thread")
    assert stage.app.heard == []


async def test_a_command_without_an_answer_warns_above_the_composer(
    stage: Stage, page: Page
) -> None:
    await page.fill(BOX, "/mute now")
    await page.keyboard.press("Enter")
    await expect(page.locator("#composer .compose-notice")).to_be_visible(timeout=8_000)


async def test_drafts_stay_with_their_channel(stage: Stage, page: Page) -> None:
    await page.focus(BOX)
    await page.keyboard.type("half a thought")
    await page.click(".side-row:has-text('ops')")
    await expect(page.locator(BOX)).to_have_value("")
    await page.click(".side-row:has-text('storage-alerts')")
    await expect(page.locator(BOX)).to_have_value("half a thought")


async def test_the_switcher_jumps_by_a_few_letters(stage: Stage, page: Page) -> None:
    await page.keyboard.press("Control+k")
    await page.keyboard.type("rand")
    await page.keyboard.press("Enter")
    await expect(page.locator("#channel-name")).to_have_text("random")


async def test_shortcuts_are_offered_beside_commands_and_on_messages(
    stage: Stage, page: Page
) -> None:
    await page.focus(BOX)
    await page.keyboard.type("/open")
    await page.keyboard.press("Enter")
    await stage.ws.until(lambda: stage.app.heard, 5)
    await expect(page.locator(BOX)).to_have_value("")
    await stage.post("about this")
    await page.hover(".message")
    await page.click(".toolbar [aria-label=More]")
    await page.click(".menu >> text=Make a ticket")
    await stage.ws.until(lambda: len(stage.app.heard) > 1, 5)
    assert stage.app.heard == [
        ("shortcut", stage.id("ana"), None),
        ("shortcut", stage.id("ana"), "about this"),
    ]
