"""The panel: one click kills, and the state is seen."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from .conftest import Complaints, Stage

pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="session")]


async def test_a_store_is_killed_and_started_again_from_the_panel(stage: Stage, page: Page) -> None:
    unit = page.locator(".unit[data-name=store-2]")
    await expect(page.locator("#panel-summary")).to_have_text("all 3 running")
    await page.click("[aria-label='Kill store-2']")
    await expect(unit.locator(".unit-state")).to_have_text("stopped")
    await expect(page.locator("#panel-summary")).to_have_text("1 of 3 not running")
    await expect(page.locator("[aria-label='Start store-2']")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(unit.locator(".unit-state")).to_have_text("running")


async def test_a_refusal_of_the_panel_is_told_in_words(
    stage: Stage, page: Page, complaints: Complaints
) -> None:
    await page.click("[aria-label='Kill pd-1']")
    await expect(page.locator(".toast")).to_contain_text("pd-1 is the last member and stays")
    await expect(page.locator("[aria-label='Kill pd-1']")).to_be_enabled()
    complaints.said.clear()  # the browser notes the 400


async def test_an_empty_channel_says_what_to_try_and_points_at_it(stage: Stage, page: Page) -> None:
    await expect(page.locator(".tries")).to_contain_text("/tickets list")
    await page.click("#panel-close, [aria-label='Hide the panel']")
    await expect(page.locator("#panel")).to_be_hidden()
    await page.click(".tries >> text=Kill store-2")
    await expect(page.locator("[aria-label='Kill store-2']")).to_be_focused()
    await page.click(".tries >> text=/tickets list")
    await expect(page.locator("#composer textarea")).to_have_value("/tickets list")


async def test_the_traffic_drawer_lists_calls(stage: Stage, page: Page) -> None:
    await stage.post("seen in the traffic")
    await page.click("#traffic-toggle")
    await expect(page.locator("#traffic-body")).to_contain_text("chat.postMessage")
    await page.keyboard.press("Escape")
    await expect(page.locator("#traffic")).to_be_hidden()


async def test_a_phone_shows_the_panel_and_the_channels_on_demand(stage: Stage, page: Page) -> None:
    await page.set_viewport_size({"width": 800, "height": 700})
    await expect(page.locator("[aria-label='Kill store-2']")).to_be_in_viewport()
    await page.set_viewport_size({"width": 600, "height": 700})
    await expect(page.locator("#panel")).to_be_hidden()
    await page.click("#panel-toggle")
    await expect(page.locator("[aria-label='Kill store-2']")).to_be_in_viewport()
    await page.click("[aria-label='Hide the panel']")
    await expect(page.locator("#panel")).to_be_hidden()
    await expect(page.locator(".sidebar")).not_to_be_in_viewport()
    await page.click("#side-toggle")
    await page.click(".side-row:has-text('ops')")
    await expect(page.locator("#channel-name")).to_have_text("ops")
    await expect(page.locator(".sidebar")).not_to_be_in_viewport()
    await page.set_viewport_size({"width": 1280, "height": 800})
