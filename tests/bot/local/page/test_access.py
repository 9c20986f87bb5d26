"""Everybody can use the page: by keyboard alone, with enough contrast, with names on all controls."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from .conftest import Complaints, Stage, card, open_page

pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="session")]
# Every text against what is painted behind it; WCAG AA: 4.5, large or bold-large text 3.
CONTRAST = """() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = (css) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = css;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3]));
  const light = (c) => {
    const [r, g, b] = c.map((v) => v / 255).map((v) => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const behind = (el) => {
    const layers = [];
    for (let e = el; e; e = e.parentElement) {
      const style = getComputedStyle(e);
      if (style.backgroundImage !== 'none') layers.push([...rgba(style.getPropertyValue('--ink-2')).slice(0, 3), 1]);
      layers.push(rgba(style.backgroundColor));
      if (layers.at(-1)[3] === 1) break;
    }
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255]);
  };
  const bad = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode.textContent.trim();
    const el = walk.currentNode.parentElement;
    if (!text || !el.checkVisibility({checkOpacity: true, checkVisibilityCSS: true})) continue;
    if (el.closest('.sr, .avatar, .emoji, .skip, .busy, :disabled')) continue;
    const style = getComputedStyle(el);
    const ground = behind(el);
    const [a, b] = [light(over(rgba(style.color), ground)), light(ground)];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    const big = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.6 && style.fontWeight >= 700);
    if (ratio < (big ? 3 : 4.5)) bad.push(`${ratio.toFixed(2)} ${el.className} ${text.slice(0, 30)}`);
  }
  return bad;
}"""
NAMELESS = """() => [...document.querySelectorAll('button, a[href], input, textarea, select, [role=option]')]
  .filter((e) => e.checkVisibility())
  .filter((e) => !(e.getAttribute('aria-label') || e.innerText.trim() || e.closest('label')))
  .map((e) => e.outerHTML.slice(0, 80))"""
FOCUS = "document.activeElement.getAttribute('aria-label') || document.activeElement.innerText || document.activeElement.tagName"


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_all_text_has_enough_contrast(stage: Stage, scheme: str) -> None:
    found = Complaints()
    await stage.post(f"<@{stage.id('ana')}> `code` <https://a.example|link>", blocks=None)
    root = await stage.post("CRITICAL", blocks=[*card(), {"type": "alert", "text": "x"}][:4])
    await stage.post("reply", thread_ts=root)
    page = await open_page(stage, found, color_scheme=scheme, reduced_motion="reduce")
    await page.click("[aria-label='Kill store-2']")
    await expect(page.locator(".state-stopped")).to_be_visible()
    await page.fill("#composer textarea", "/tickets list")
    await page.keyboard.press("Enter")
    await expect(page.locator(".ephemeral")).to_be_visible()
    await page.mouse.move(5, 500)
    assert await page.evaluate(CONTRAST) == []
    await page.fill("#composer textarea", "/")
    await page.click("#traffic-toggle")
    await page.click("text=1 reply")
    await expect(page.locator("#thread .message")).to_have_count(2)
    assert await page.evaluate(CONTRAST) == []
    await page.click("#me")
    assert await page.evaluate(CONTRAST) == []
    await page.keyboard.press("Escape")
    await page.click("#scroller [data-action=hold]")
    await page.click(".modal-submit")
    assert await page.evaluate(CONTRAST) == []
    await page.context.close()
    assert found.said == []


async def test_every_control_has_a_name(stage: Stage, page: Page) -> None:
    root = await stage.post("CRITICAL", blocks=card())
    await stage.post("reply", thread_ts=root)
    await page.click("text=1 reply")
    await page.hover("#scroller .message")
    await page.click("#traffic-toggle")
    assert await page.evaluate(NAMELESS) == []
    await page.click("#scroller [data-action=hold]")
    await expect(page.locator("dialog")).to_be_visible()
    assert await page.evaluate(NAMELESS) == []


async def test_a_card_is_reached_and_used_by_keyboard_alone(stage: Stage, page: Page) -> None:
    await stage.post("hello")
    await stage.post("CRITICAL", blocks=card())
    await expect(page.locator(".message")).to_have_count(2)
    await page.keyboard.press("Tab")
    assert await page.evaluate(FOCUS) == "Skip to messages"
    await page.keyboard.press("Enter")
    await page.keyboard.press("ArrowUp")
    assert "tocsin" in (await page.evaluate(FOCUS)).lower()
    await page.keyboard.press("Tab")
    assert await page.evaluate(FOCUS) == "Acknowledge"
    await page.keyboard.press("Enter")
    await expect(page.locator(".block-header")).to_contain_text("Acknowledged")
    assert await page.evaluate(FOCUS) == "Acknowledge"


async def test_new_messages_are_read_aloud(stage: Stage, page: Page) -> None:
    await stage.post("CRITICAL: store-2 is down", blocks=card())
    await expect(page.locator("#spoken[aria-live=polite]")).to_contain_text("store-2 is down")


async def test_menus_answer_to_arrows_typing_and_escape(stage: Stage, page: Page) -> None:
    await page.focus("#me")
    await page.keyboard.press("Enter")
    await expect(page.locator(".menu [role=option]")).to_have_count(6)
    await page.keyboard.press("Escape")
    await expect(page.locator(".menu")).to_have_count(0)
    await expect(page.locator("#me")).to_be_focused()


async def test_channels_are_made_and_archived_from_the_page(stage: Stage, page: Page) -> None:
    await page.click("[aria-label='Create a channel']")
    await page.keyboard.type("war-room")
    await page.keyboard.press("Enter")
    await page.click(".side-row:has-text('war-room')")
    await page.click("#channel-name")
    await page.click(".menu >> text=Invite tocsin")
    await expect(page.locator(".message")).to_have_count(0)
    await page.click("#channel-name")
    await expect(page.locator(".menu")).to_contain_text("Remove tocsin")
    await page.click(".menu >> text=Archive channel")
    await page.click("dialog >> text=Archive >> nth=-1")
    await expect(page.locator("#composer textarea")).to_be_disabled()
    await expect(page.locator(".side-row.archived, .side-row:has-text('archived')")).to_be_visible()
