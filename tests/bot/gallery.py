"""The bot's messages in a real local workspace, in a real browser: to be looked at."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Page, async_playwright
from slack_sdk.web.async_client import AsyncWebClient

from bot.blocks import Message
from bot.local.cast import ChannelSpec, Config, GroupSpec, Limits, UserSpec
from bot.local.server import LocalServer
from bot.local.workspace import Workspace

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
SHOTS = Path(__file__).parents[1] / "screenshots"


def workspace() -> Workspace:
    """People and a group with the ids that the samples name."""
    people = (
        UserSpec("ana", "Ana Ruiz", id="U0ANA"),
        UserSpec("ben", "Ben Okafor", id="U0BEN", color="2b6cb0"),
    )
    channel = ChannelSpec("storage-alerts", ("ana", "ben"), app=True, id="C0ALERTS")
    group = GroupSpec("storage-oncall", "Storage on-call", ("ana",), id="S0ONCALL")
    return Workspace(
        Config(
            people=people,
            channels=(channel,),
            groups=(group,),
            limits=Limits(enabled=False),
            seed=1,
        )
    )


@asynccontextmanager
async def served() -> AsyncIterator[tuple[Workspace, LocalServer, AsyncWebClient]]:
    ws = workspace()
    async with LocalServer(ws) as server:
        yield ws, server, AsyncWebClient(token=server.bot_token, base_url=server.api_url)


async def post(client: AsyncWebClient, message: Message, **more: Any) -> str:
    """Send it as the bot does; the answer's ts."""
    answer = await client.chat_postMessage(
        channel="C0ALERTS", **message.payload(), parse="none", link_names=False, **more
    )
    return str(answer["ts"])


async def shoot(
    messages: Mapping[str, Message], folder: Path, *, scheme: str = "light", width: int = 900
) -> None:
    """One picture for each message."""
    folder.mkdir(parents=True, exist_ok=True)
    async with served() as (_, server, client), async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page: Page = await browser.new_page(
            viewport={"width": width, "height": 1000},
            color_scheme=scheme,  # type: ignore[arg-type]
        )
        await page.goto(server.url)
        await page.wait_for_selector("body.ready")
        for name, message in messages.items():
            ts = await post(client, message)
            found = page.locator(f"[data-ts='{ts}']").first
            await found.wait_for()
            await found.screenshot(path=folder / f"{name}.png")
        await browser.close()
