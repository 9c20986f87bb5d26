"""Pictures of the page in light and dark, at several sizes; and nothing sticks out."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from .conftest import SHOTS, Complaints, Stage, card, open_page

pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="session")]
SIZES = [(1440, 900), (1280, 720), (1024, 768), (800, 700), (390, 844)]
WIDE = "document.documentElement.scrollWidth > innerWidth"
COVERED = """() => {
  const [main, dock] = ['.main', '.dock'].map((s) => document.querySelector(s).getBoundingClientRect());
  return main.right > dock.left || main.width < 400;
}"""
"""Whether what stands beside the cards lies on them, or leaves them too little room."""
PHONE = 720


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_page_fits_every_window_in_both_colours(stage: Stage, scheme: str) -> None:
    SHOTS.mkdir(exist_ok=True)
    found = Complaints()
    stage.ws.acts.message("ben", "storage-alerts", "Rolling restart of *pd-2* at 15:00, @ana.")
    root = await stage.post("CRITICAL: prod-eu store-2 is down", blocks=card())
    await stage.post("store-2 exited with 137; 20 leaders moved in 1.4 s.", thread_ts=root)
    page = await open_page(stage, found, color_scheme=scheme, reduced_motion="reduce")
    await page.click("text=1 reply")
    await expect(page.locator("#thread .message")).to_have_count(2)
    for width, height in SIZES:
        await page.set_viewport_size({"width": width, "height": height})
        assert not await page.evaluate(WIDE), width
        assert width < PHONE or not await page.evaluate(COVERED), width
        await page.screenshot(path=SHOTS / f"page-thread-{width}-{scheme}.png")
    await page.keyboard.press("Escape")
    await page.set_viewport_size({"width": 1280, "height": 800})
    await page.click("#scroller [data-action=hold]")
    await expect(page.locator("dialog")).to_be_visible()
    await page.screenshot(path=SHOTS / f"page-modal-{scheme}.png")
    await page.keyboard.press("Escape")
    await page.click("#apps a")
    await expect(page.locator("#home-body .block-header").first).to_be_visible()
    await page.screenshot(path=SHOTS / f"page-home-{scheme}.png")
    await page.context.close()
    assert (found.said, found.elsewhere) == ([], [])


async def test_the_colours_can_be_chosen(stage: Stage) -> None:
    found = Complaints()
    page = await open_page(stage, found, color_scheme="light")
    paper = "getComputedStyle(document.querySelector('.main')).backgroundColor"
    light = await page.evaluate(paper)
    await page.click("#theme")
    await page.click("#theme")
    dark = await page.evaluate(paper)
    assert light != dark
    await page.reload()
    await page.wait_for_selector("body.ready")
    assert await page.evaluate(paper) == dark
    await page.context.close()
