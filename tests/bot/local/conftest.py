"""A served workspace, a slack_sdk client of its app, and an app that speaks raw Socket Mode."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.local.cast import Config, Limits
from bot.local.clock import ManualClock
from bot.local.server import LocalServer
from bot.local.workspace import Workspace

UNLIMITED = Limits(enabled=False)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def ws():
    """A workspace on the machine's clock, without rate limits."""
    return Workspace(Config(seed=7, limits=UNLIMITED))


@pytest.fixture
def still(clock):
    """A workspace whose time only the test moves."""
    return Workspace(Config(seed=7, limits=UNLIMITED), clock)


@pytest.fixture
async def server(ws):
    async with LocalServer(ws) as served:
        yield served


@pytest.fixture
async def still_server(still):
    async with LocalServer(still) as served:
        yield served


@pytest.fixture
async def http():
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def client(server, http):
    """slack_sdk, one attempt a call."""
    return AsyncWebClient(
        token=server.bot_token, base_url=server.api_url, session=http, retry_handlers=[]
    )


@pytest.fixture
def still_client(still_server, http):
    return AsyncWebClient(
        token=still_server.bot_token,
        base_url=still_server.api_url,
        session=http,
        retry_handlers=[],
    )


@dataclass
class RawApp:
    """One Socket Mode connection that acknowledges what it is told to."""

    websocket: aiohttp.ClientWebSocketResponse
    hello: dict
    heard: list = field(default_factory=list)

    async def hear(self):
        """The next envelope (or goodbye)."""
        frame = await asyncio.wait_for(self.websocket.receive(), 5)
        assert frame.type is aiohttp.WSMsgType.TEXT, frame
        message = json.loads(frame.data)
        self.heard.append(message)
        return message

    async def ack(self, envelope, payload=None):
        body = {"envelope_id": envelope["envelope_id"]}
        await self.websocket.send_json(body | ({"payload": payload} if payload else {}))

    async def silent(self, seconds=0.05):
        """Whether nothing arrives for a moment."""
        try:
            await asyncio.wait_for(self.websocket.receive(), seconds)
        except TimeoutError:
            return True
        return False


@pytest.fixture
def connect(http):
    """Open a raw Socket Mode connection to a server: `async with connect(server) as app`."""

    @asynccontextmanager
    async def opened(server) -> AsyncIterator[RawApp]:
        headers = {"Authorization": f"Bearer {server.app_token}"}
        async with http.post(f"{server.api_url}apps.connections.open", headers=headers) as answer:
            url = (await answer.json())["url"]
        async with http.ws_connect(url) as websocket:
            yield RawApp(websocket, await websocket.receive_json(timeout=5))

    return opened


def blocks(*elements, text="Store tikv-3 is down"):
    """A card: a section and a row of elements."""
    card = [{"type": "section", "text": {"type": "mrkdwn", "text": text}}]
    return (
        [*card, {"type": "actions", "block_id": "row", "elements": [*elements]}]
        if elements
        else card
    )


def button(action_id="ack", label="Acknowledge", **more):
    return {
        "type": "button",
        "action_id": action_id,
        "text": {"type": "plain_text", "text": label},
        **more,
    }


def plain(text):
    return {"type": "plain_text", "text": text}


def modal(*inputs, **more):
    """A modal with a text input per name."""
    made = [
        {
            "type": "input",
            "block_id": name,
            "label": plain(name),
            "element": {"type": "plain_text_input", "action_id": "value"},
        }
        for name in inputs
    ]
    return {
        "type": "modal",
        "callback_id": "form",
        "title": plain("Hold"),
        "submit": plain("Go"),
        "blocks": made or blocks(),
        **more,
    }


@pytest.fixture
def make():
    """The builders above, for tests (conftest cannot be imported)."""

    class Make:
        pass

    made = Make()
    made.blocks, made.button, made.plain, made.modal = blocks, button, plain, modal
    return made
