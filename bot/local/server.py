"""The workspace on a loopback port: Web API, Socket Mode, answers, files, page, control."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from aiohttp import web

from bot.local.web_api.router import Router
from bot.local.workspace import Workspace

HOST = "127.0.0.1"


class LocalServer:
    """Serves a workspace while it is entered."""

    def __init__(self, workspace: Workspace, port: int = 0) -> None:
        self.workspace = workspace
        self._port = port
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return self.workspace.state.base_url

    @property
    def api_url(self) -> str:
        """What slack_sdk wants as base_url."""
        return f"{self.url}/api/"

    @property
    def bot_token(self) -> str:
        return self.workspace.state.bot_token

    @property
    def app_token(self) -> str:
        return self.workspace.state.app_token

    @property
    def signing_secret(self) -> str:
        return self.workspace.state.signing_secret

    def _app(self) -> web.Application:
        ws = self.workspace
        app = web.Application(client_max_size=ws.state.config.max_body_bytes)
        router = Router(ws)
        app.router.add_route("*", "/api/{method}", router.handle)
        app.router.add_get("/socket/{ticket}", ws.sockets.handle)
        return app

    async def __aenter__(self) -> Self:
        self._runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, self._port)
        await site.start()
        port = self._runner.addresses[0][1]
        self.workspace.state.base_url = f"http://{HOST}:{port}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.workspace.close()
        if self._runner is not None:
            await self._runner.cleanup()
