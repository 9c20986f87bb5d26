"""A workspace with an app that answers, a browser, and a page whose every complaint fails the test."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import (
    Browser,
    ConsoleMessage,
    Page,
    Request,
    async_playwright,
    expect,
)
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.local.cast import Config, Limits
from bot.local.server import LocalServer
from bot.local.workspace import Workspace
from tests import parts

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
PATIENCE_MS = 15_000
expect.set_options(timeout=PATIENCE_MS)  # a machine may be busy with other tests
SHOTS = Path(__file__).parents[3] / "screenshots"
MANIFEST: dict[str, Any] = {
    "features": {
        "slash_commands": [
            {
                "command": "/tickets",
                "description": "See and handle tickets",
                "usage_hint": "list [open|held] [words] | show <id> | hold <id> [2h|healthy]",
            },
            {"command": "/monitor", "description": "Look", "usage_hint": "status | resume"},
            {"command": "/mute", "description": "Never answers", "usage_hint": ""},
        ],
        "shortcuts": [
            {"name": "Open a ticket", "type": "global", "callback_id": "new", "description": "x"},
            {"name": "Make a ticket", "type": "message", "callback_id": "make", "description": "x"},
        ],
    },
    "settings": {"event_subscriptions": {"bot_events": ["app_home_opened", "message.channels"]}},
}


def text(words: str) -> dict[str, str]:
    return {"type": "plain_text", "text": words}


def mrkdwn(words: str) -> dict[str, str]:
    return {"type": "mrkdwn", "text": words}


def button(action_id: str, words: str, **more: Any) -> dict[str, Any]:
    return {"type": "button", "action_id": action_id, "text": text(words), "value": "1", **more}


def card(state: str = "Open") -> list[dict[str, Any]]:
    """A ticket card as an app posts it."""
    sure = {
        "title": text("Resolve while broken?"),
        "text": mrkdwn("*store-2* is still down."),
        "confirm": text("Resolve anyway"),
        "deny": text("Cancel"),
        "style": "danger",
    }
    return [
        {"type": "header", "text": text(f":rotating_light: CRITICAL · {state} · store-2 down")},
        {
            "type": "section",
            "fields": [
                mrkdwn("*Since*\n<!date^1790000000^{date_short} {time}|then>"),
                mrkdwn("*Value*\nno answer for 1.2 s"),
                mrkdwn("*Margin*\n0 more stores"),
                mrkdwn("*Owner*\nnobody yet"),
            ],
        },
        {"type": "context", "elements": [mrkdwn("*prod-eu* · T-1042 · seen 4 times")]},
        {
            "type": "actions",
            "elements": [
                button("ack", "Acknowledge", style="primary"),
                button("resolve", "Resolve", style="danger", confirm=sure),
                button("hold", "Hold…"),
                button("deaf", "Deaf"),
            ],
        },
    ]


HOLD_VIEW: dict[str, Any] = {
    "type": "modal",
    "callback_id": "hold",
    "notify_on_close": True,
    "title": text("Hold T-1042"),
    "submit": text("Hold"),
    "close": text("Cancel"),
    "blocks": [
        {"type": "section", "text": mrkdwn("*store-2 is down* on prod-eu.")},
        {
            "type": "input",
            "block_id": "until",
            "label": text("Until"),
            "element": {
                "type": "static_select",
                "action_id": "until",
                "options": [
                    {"text": text("2 hours"), "value": "2h"},
                    {"text": text("Until healthy"), "value": "healthy"},
                ],
            },
        },
        {
            "type": "input",
            "block_id": "reason",
            "label": text("Reason"),
            "element": {"type": "plain_text_input", "action_id": "reason", "multiline": True},
        },
    ],
}


@dataclass
class App:
    """An app in Socket Mode that remembers what it heard."""

    client: AsyncWebClient
    leave: Callable[[], Awaitable[None]]
    heard: list[tuple[str, Any]] = field(default_factory=list)


def _listen(app: AsyncApp, mine: App) -> None:
    @app.command("/tickets")
    async def tickets(ack: Any, command: dict[str, Any], respond: Any) -> None:
        await ack()
        mine.heard.append(("command", command["user_id"], command["text"]))
        await respond(text=f"You asked *{command['text']}*")

    @app.action("ack")
    async def acknowledge(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        mine.heard.append(("ack", body["user"]["id"], body["state"]["values"]))
        await client.chat_update(
            channel=body["channel"]["id"],
            ts=body["message"]["ts"],
            text="acknowledged",
            blocks=card("Acknowledged"),
        )

    @app.action("resolve")
    async def resolve(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        mine.heard.append(("resolve", body["user"]["id"], None))

    @app.action("hold")
    async def hold(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=HOLD_VIEW)

    @app.view("hold")
    async def held(ack: Any, view: dict[str, Any]) -> None:
        said = view["state"]["values"]["reason"]["reason"]["value"]
        if len(said) < 5:
            await ack(response_action="errors", errors={"reason": "Say a little more."})
            return
        await ack()
        mine.heard.append(("hold", view["state"]["values"], None))

    @app.view_closed("hold")
    async def closed(ack: Any) -> None:
        await ack()
        mine.heard.append(("closed", None, None))

    @app.shortcut("new")
    async def new(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        mine.heard.append(("shortcut", body["user"]["id"], None))

    @app.shortcut("make")
    async def make(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        mine.heard.append(("shortcut", body["user"]["id"], body["message"]["text"]))

    @app.event("app_home_opened")
    async def home(event: dict[str, Any], client: AsyncWebClient) -> None:
        blocks = [{"type": "header", "text": text("Your tickets")}, *card()]
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": blocks})

    @app.event("message")
    async def message(event: dict[str, Any]) -> None:
        mine.heard.append(("message", event.get("user"), event.get("text")))


class Cluster:
    """A panel of three processes."""

    def __init__(self) -> None:
        self.states = dict.fromkeys(("pd-1", "store-1", "store-2"), "running")

    async def state(self) -> dict[str, Any]:
        def one(name: str, state: str) -> dict[str, Any]:
            up = state == "running"
            return {
                "name": name,
                "kind": name.split("-")[0],
                "state": state,
                "detail": "Up · 20 leaders · 412 qps" if up else "Exited (-9)",
                "health": "ok" if up else "bad",
                "verbs": ["kill", "pause"] if up else ["start"],
            }

        items = [one(*pair) for pair in self.states.items()]
        return {"title": "twin cluster", "items": items, "note": "Real processes."}

    async def act(self, name: str, verb: str) -> None:
        if name == "pd-1":
            raise ValueError("pd-1 is the last member and stays")
        self.states[name] = {"kill": "stopped", "pause": "paused", "start": "running"}[verb]


@dataclass
class Stage:
    """Everything that a page test needs."""

    ws: Workspace
    server: LocalServer
    app: App
    browser: Browser

    def id(self, name: str) -> str:
        for channel in self.ws.state.channels.values():
            if channel.name == name:
                return channel.id
        return self.ws.user(name).id

    async def post(self, words: str = "said", channel: str = "storage-alerts", **more: Any) -> str:
        answer = await self.app.client.chat_postMessage(
            channel=self.id(channel), text=words, **more
        )
        return str(answer["ts"])


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    parts.require("chromium")
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        await chromium.close()


@asynccontextmanager
async def set_up(browser: Browser) -> AsyncIterator[Stage]:
    """A workspace on its own port with the app connected."""
    config = Config(
        team_name="Harbour",
        manifest=MANIFEST,
        limits=Limits(enabled=False),
        seed=1,
        ack_timeout_s=0.8,  # an app that does not answer is told of sooner than in Slack
    )
    ws = Workspace(config)
    async with LocalServer(ws, panel=Cluster()) as server:
        client = AsyncWebClient(token=server.bot_token, base_url=server.api_url)
        app = AsyncApp(client=client)
        handler = AsyncSocketModeHandler(app, server.app_token)
        mine = App(client, handler.close_async)
        _listen(app, mine)
        await handler.connect_async()
        await ws.until(lambda: ws.sockets.connected, 10)
        yield Stage(ws, server, mine, browser)
        await handler.close_async()


@pytest_asyncio.fixture(loop_scope="session")
async def stage(browser: Browser) -> AsyncIterator[Stage]:
    async with set_up(browser) as made:
        yield made


@dataclass
class Complaints:
    """What the browser found wrong, and where it tried to go."""

    said: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def watch(self, page: Page, home: str) -> Callable[[], None]:
        """Listen to a page whose own address is `home`; the answer ends that."""

        def console(message: ConsoleMessage) -> None:
            # Any network of this machine that comes or goes (Docker's) breaks what is being loaded;
            # the page asks again.
            ours = "ERR_NETWORK_CHANGED" not in message.text
            if ours and message.type in ("error", "warning"):
                self.said.append(message.text)

        def request(asked: Request) -> None:
            if not asked.url.startswith(home):
                self.elsewhere.append(asked.url)

        def error(error: Exception) -> None:
            self.said.append(str(error))

        ears: dict[str, Any] = {"console": console, "pageerror": error, "request": request}
        for kind, ear in ears.items():
            page.on(kind, ear)

        def unwatch() -> None:
            for kind, ear in ears.items():
                page.remove_listener(kind, ear)

        return unwatch


async def open_page(stage: Stage, found: Complaints, **more: Any) -> Page:
    """A page in a context of its own, with the first channel on it."""
    context = await stage.browser.new_context(viewport={"width": 1280, "height": 800}, **more)
    context.set_default_timeout(PATIENCE_MS)
    page = await context.new_page()
    found.watch(page, stage.server.url)
    await _show(page, stage)
    return page


async def _show(page: Page, stage: Stage) -> None:
    await page.goto(stage.server.url)
    await page.wait_for_selector("body.ready")
    await page.wait_for_selector(".welcome, .message")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def tab(browser: Browser) -> AsyncIterator[Page]:
    """One tab for all: each test's workspace has a port, so an origin and a storage, of its own."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE_MS)
    yield await context.new_page()
    await context.close()


@pytest.fixture
def complaints() -> Complaints:
    """Empty at the end, or the test fails; a test that provokes one clears it."""
    return Complaints()


@pytest_asyncio.fixture(loop_scope="session")
async def page(stage: Stage, tab: Page, complaints: Complaints) -> AsyncIterator[Page]:
    unwatch = complaints.watch(tab, stage.server.url)
    await _show(tab, stage)
    yield tab
    await tab.goto("about:blank")
    unwatch()
    assert complaints.said == []
    assert [url for url in complaints.elsewhere if url != "about:blank"] == []


@dataclass
class Gallery:
    """A workspace and a page that tests of the renderer share: they only look."""

    stage: Stage
    page: Page
    found: Complaints


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def gallery(browser: Browser) -> AsyncIterator[Gallery]:
    found = Complaints()
    async with set_up(browser) as made:
        page = await open_page(made, found)
        yield Gallery(made, page, found)
        await page.context.close()


@pytest.fixture
def render(gallery: Gallery) -> Any:
    """Renders blocks with the page's own renderer and returns what a browser makes of it."""

    async def run(blocks: list[dict[str, Any]]) -> dict[str, Any]:
        script = """async (blocks) => {
          const m = await import('/static/blocks.js');
          document.getElementById('proof')?.remove();
          const box = document.createElement('div');
          box.id = 'proof';
          const surface = {channel: '', ts: '', values: {}};
          box.append(m.blocks(blocks, surface));
          document.body.append(box);
          return {
            text: box.innerText,
            tags: [...box.querySelectorAll('*')].map((e) => e.tagName.toLowerCase()),
            classes: [...box.querySelectorAll('*')].flatMap((e) => [...e.classList]),
            links: [...box.querySelectorAll('a')].map((a) => a.getAttribute('href')),
            bold: [...box.querySelectorAll('strong')].map((e) => e.textContent),
            codes: [...box.querySelectorAll('code, pre')].map((e) => e.textContent),
            mentions: [...box.querySelectorAll('.mention')].map((e) => e.textContent),
            values: surface.values,
          };
        }"""
        answer: dict[str, Any] = await gallery.page.evaluate(script, blocks)
        assert (gallery.found.said, gallery.found.elsewhere) == ([], [])
        return answer

    return run
