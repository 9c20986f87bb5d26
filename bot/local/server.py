"""The workspace on a loopback port: Web API, Socket Mode, answers, files, page, control."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from aiohttp import web

from bot.local.control import Control
from bot.local.live import Live
from bot.local.page import Page
from bot.local.panel import Panel, PanelWatch
from bot.local.security import Guard
from bot.local.web_api.method import ApiError, loads
from bot.local.web_api.router import Router
from bot.local.workspace import Workspace

HOST = "127.0.0.1"


class LocalServer:
    """Serves a workspace while it is entered; `port` 0 picks a free one."""

    def __init__(self, workspace: Workspace, port: int = 0, panel: Panel | None = None) -> None:
        self.workspace = workspace
        self._port = port
        state = workspace.state
        self._guard = Guard(state.secret)
        self._panel = PanelWatch(state, panel)
        self._live = Live(state.news, self._guard, self._panel)
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

    @property
    def secret(self) -> str:
        """The control API's secret of this start."""
        return self.workspace.state.secret

    def _app(self) -> web.Application:
        ws, config = self.workspace, self.workspace.state.config
        guard, page = self._guard.middleware(), Page(ws.state.secret)
        app = web.Application(client_max_size=config.max_body_bytes, middlewares=[guard])
        app.on_response_prepare.append(self._guard.dress)
        app.router.add_route("*", "/api/{method}", Router(ws).handle)
        app.router.add_get("/socket/{ticket}", ws.sockets.handle)
        app.router.add_post("/response/{name}", self._respond)
        app.router.add_get("/files/{file}/{name}", ws.files.serve)
        app.router.add_get("/", page.index)
        app.router.add_get("/static/{path:.+}", page.static)
        app.router.add_get("/local/live", self._live.handle)
        app.router.add_routes(Control(ws, self._panel).routes())
        uploads = web.Application(client_max_size=config.max_file_bytes + 1)
        uploads.router.add_post("/{upload}", ws.files.receive)
        app.add_subapp("/upload/", uploads)
        return app

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        """A response_url: no token, the address itself is the permission."""
        ws = self.workspace
        try:
            body: Any = loads(await request.read())
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            return web.json_response({"ok": False, "error": "invalid_payload"}, status=400)
        url = ws.responses.use(request.match_info["name"])
        if isinstance(url, str):
            return web.json_response({"ok": False, "error": url}, status=404)
        try:
            ws.interactions.respond(url, body)
        except ApiError as error:
            return web.json_response({"ok": False, "error": error.error})
        return web.json_response({"ok": True})

    async def __aenter__(self) -> Self:
        self._runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, self._port)
        try:
            await site.start()
        except OSError:
            await self._runner.cleanup()
            raise
        self._guard.port = self._runner.addresses[0][1]
        self.workspace.state.base_url = f"http://{HOST}:{self._guard.port}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._live.close()
        await self.workspace.close()
        if self._runner is not None:
            await self._runner.cleanup()
