"""An experiment by hand in the demo's page: from the button to the report, and aborted midway."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from tests.bot.local.page.conftest import Complaints
from tests.live.demo import Demo, Person, browsing, running

pytestmark = [pytest.mark.chromium, pytest.mark.timeout(240)]


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with browsing(timeout_s=60) as one:
        yield one


async def test_an_experiment_by_hand(tmp_path: Path, page: Page) -> None:
    found, person = Complaints(), Person(page)
    async with running(tmp_path / "demo" / "twin") as demo:
        found.watch(page, demo.url)
        await page.goto(demo.url)
        await expect(page.locator("#panel-summary")).to_have_text("all 6 running")
        await _from_the_button_to_the_report(person)
        await _aborted_in_the_middle(person)
        await _nobody_else_may(person)
        await _seen_from_a_terminal(demo)
        assert (found.said, found.elsewhere) == ([], [])


def run_card(person: Person, number: int) -> Locator:
    return person.page.locator("#scroller .message:not(.ephemeral)").filter(
        has_text=f"Run {number} ·"
    )


async def _from_the_button_to_the_report(person: Person) -> None:
    page = person.page
    await person.say("/chaos run kill-store store-2 --for 6s")
    dialogue = page.locator("dialog[open], [role=dialog]").last
    await expect(dialogue).to_contain_text("kill -9 the process of store-2")
    await expect(dialogue).to_contain_text("start it again")
    await person.shoot("chaos-plan")
    await dialogue.get_by_role("button", name="Run", exact=True).click()

    card = run_card(person, 1)
    await expect(card).to_contain_text("● watch")
    await expect(page.locator("#panel-summary")).to_have_text("1 of 6 not running")
    await expect(card).to_contain_text("(store_down)")
    await expect(person.card("Ticket 1 · store_down")).to_contain_text(
        "Opened during experiment kill-store, run 1"
    )
    await expect(card).to_contain_text("Experiment passed")
    await expect(card.get_by_role("button", name="Abort")).to_have_count(0)
    await expect(page.locator("#panel-summary")).to_have_text("all 6 running")

    await card.get_by_text("2 replies").click()
    picture = page.get_by_alt_text("Timeline of kill-store on store-2").last
    await expect(picture).to_be_visible()
    assert await picture.evaluate("e => e.naturalWidth") == 1280
    await person.shoot("chaos-report")


async def _aborted_in_the_middle(person: Person) -> None:
    page = person.page
    await person.say("/chaos run pause-store store-3 --for 5m")
    dialogue = page.locator("dialog[open], [role=dialog]").last
    await dialogue.get_by_role("button", name="Run", exact=True).click()
    card = run_card(person, 2)
    await expect(card).to_contain_text("● watch")

    await card.get_by_role("button", name="Abort").click()
    await page.get_by_role("button", name="Abort and heal").click()

    await expect(card).to_contain_text("Experiment aborted")
    await expect(page.locator("#panel-summary")).to_have_text("all 6 running")


async def _nobody_else_may(person: Person) -> None:
    await person.become("Ben Okafor")
    await person.say("/chaos run kill-store")
    await expect(person.whisper("needs the role admin")).to_be_visible()


async def _seen_from_a_terminal(demo: Demo) -> None:
    code, said = await demo.tocsin("chaos", "status")
    assert code == 0, said
    assert "passed" in said
    assert "aborted" in said
