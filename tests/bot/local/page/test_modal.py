"""Modals: opened, refused, corrected, closed; with the keyboard too."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from .conftest import HOLD_VIEW, Stage, card

pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="session")]
MODAL = "dialog.dialog-modal"


async def opened(stage: Stage, page: Page) -> None:
    await stage.post("CRITICAL", blocks=card())
    await page.click("[data-action=hold]")
    await expect(page.locator(MODAL)).to_contain_text("Hold T-1042")


async def test_a_modal_is_filled_in_refused_by_the_app_corrected_and_sent(
    stage: Stage, page: Page
) -> None:
    await opened(stage, page)
    await page.click(".modal-submit")
    await expect(page.locator(".field-error >> visible=true")).to_have_count(2)
    await page.click(f"{MODAL} .select")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(page.locator(f"{MODAL} .select")).to_contain_text("Until healthy")
    await page.fill(f"{MODAL} textarea", "abc")
    await page.click(".modal-submit")
    await expect(page.locator(".field-error >> visible=true")).to_have_text("Say a little more.")
    await expect(page.locator(f"{MODAL} textarea")).to_be_focused()
    await expect(page.locator(f"{MODAL} textarea")).to_have_value("abc")
    await page.fill(f"{MODAL} textarea", "kernel upgrade")
    await page.click(".modal-submit")
    await expect(page.locator(MODAL)).to_have_count(0)
    _, values, _ = stage.app.heard[-1]
    assert values["reason"]["reason"]["value"] == "kernel upgrade"
    assert values["until"]["until"]["selected_option"]["value"] == "healthy"


async def test_escape_closes_the_modal_tells_the_app_and_gives_the_focus_back(
    stage: Stage, page: Page
) -> None:
    await opened(stage, page)
    await page.keyboard.press("Escape")
    await expect(page.locator(MODAL)).to_have_count(0)
    await expect(page.locator("[data-action=hold]")).to_be_focused()
    await stage.ws.until(lambda: ("closed", None, None) in stage.app.heard, 5)


async def test_tab_stays_inside_the_modal(stage: Stage, page: Page) -> None:
    await opened(stage, page)
    for _ in range(8):
        await page.keyboard.press("Tab")
        inside = "document.activeElement === document.body || document.activeElement.closest('dialog') !== null"
        assert await page.evaluate(inside)


async def test_an_update_keeps_what_was_entered(stage: Stage, page: Page) -> None:
    await opened(stage, page)
    await page.fill(f"{MODAL} textarea", "so far")
    view_id = next(iter(stage.ws.views.all))
    more = {"type": "section", "text": {"type": "mrkdwn", "text": "loaded since"}}
    view = {**HOLD_VIEW, "blocks": [more, *HOLD_VIEW["blocks"]]}
    await stage.app.client.views_update(view_id=view_id, view=view)
    await expect(page.locator(MODAL)).to_contain_text("loaded since")
    await expect(page.locator(f"{MODAL} textarea")).to_have_value("so far")


async def test_someone_elses_modal_is_not_shown(stage: Stage, page: Page) -> None:
    ts = await stage.post("CRITICAL", blocks=card())
    stage.ws.acts.click("ben", "storage-alerts", ts, "hold")
    await stage.ws.until(lambda: stage.ws.views.all, 5)
    await stage.post("after it")
    await expect(page.locator(".message >> text=after it")).to_be_visible()
    assert await page.locator(MODAL).count() == 0
