"""A diagnosis in the demo, by hand in a browser: no key, nothing replaced."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from tests.bot.local.page.conftest import Complaints
from tests.live.demo import Demo, Person, browsing, running

pytestmark = [pytest.mark.chromium, pytest.mark.timeout(180)]
WITHIN_S = 3.0


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with browsing(1480, 1100) as one:
        yield one


async def test_a_killed_store_has_its_diagnosis_in_the_thread_at_once(
    tmp_path: Path, page: Page
) -> None:
    found, person = Complaints(), Person(page)
    async with running(tmp_path / "demo" / "twin") as demo:
        found.watch(page, demo.url)
        await page.goto(demo.url)
        await expect(page.locator("#panel-summary")).to_have_text("all 6 running")
        await person.panel("Kill", "store-2")
        card = person.card()
        await expect(card).to_contain_text("diagnosed")
        took = await waited(demo)
        print(f"\nfrom the card to its diagnosis in the thread: {took:.2f} s")
        assert took <= WITHIN_S
        await card.locator(".thread-summary").click()
        thread = page.locator("#thread")
        await _it_is_read(thread)
        await person.shoot("diagnosis")
        await _its_reasoning_is_read(page, thread)
        await _it_is_checked_again(thread)
        await _it_is_judged(thread)
        await _a_question_is_answered(thread)
        await person.shoot("diagnosis-asked")
    # The program has ended under the page: what it cannot reach any more is no complaint.
    gone = ("WebSocket", "ERR_CONNECTION_REFUSED")
    mine = [words for words in found.said if not any(one in words for one in gone)]
    assert (mine, found.elsewhere) == ([], [])


async def waited(demo: Demo) -> float:
    """Seconds between Slack's stamps on the first card and on the first diagnosis below it."""
    for _ in range(200):
        with sqlite3.connect(f"file:{demo.db}?mode=ro", uri=True) as db:
            sent = "select ts from outbox where kind = ? and ts is not null order by seq limit 1"
            stamps = [db.execute(sent, (kind,)).fetchone() for kind in ("card", "diagnosis")]
        if all(stamps):
            card, diagnosis = (float(one[0]) for one in stamps)
            return diagnosis - card
        await asyncio.sleep(0.05)
    raise AssertionError("there is no diagnosis")


async def _it_is_read(thread: Locator) -> None:
    for words in ("First look", "What is going on", "Why", "What next", "store 2"):
        await expect(thread).to_contain_text(words)


async def _its_reasoning_is_read(page: Page, thread: Locator) -> None:
    await thread.locator(".button", has_text="Show reasoning").first.click()
    dialog = page.locator("dialog.dialog-modal")
    await expect(dialog).to_contain_text("each claim was checked by code")
    for tab, words in (
        ("Alternatives", "Process crashed, store 2"),
        ("Time line", "the ticket opened"),
        ("Commands", "pd-ctl -u $PD store 2"),
    ):
        await dialog.locator(".button", has_text=tab).click()
        await expect(dialog).to_contain_text(words)
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)


async def _it_is_checked_again(thread: Locator) -> None:
    await thread.locator(".button", has_text="Re-check").first.click()
    await expect(thread.locator(".message.ephemeral")).to_contain_text("still hold")


async def _it_is_judged(thread: Locator) -> None:
    await thread.locator(".button", has_text="Useful").first.click()
    await expect(thread.locator(".button", has_text="Useful · 1")).to_be_visible()


async def _a_question_is_answered(thread: Locator) -> None:
    area = thread.locator("textarea")
    await area.fill("@tocsin what else could it be?")
    await area.press("Enter")
    if await area.input_value():  # the first Enter took a completion
        await area.press("Enter")
    await expect(thread).to_contain_text("asked: what else could it be?")
    await expect(thread).to_contain_text("process crashed (store 2)")
