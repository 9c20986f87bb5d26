"""The scripted Prometheus: answers by a part of the query, and errors of every kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.stub_http import HANG, Request, Response, StubServer, as_json, as_text

Points = list[tuple[dict[str, str], Any]]


class FakePrometheus:
    """`answer(part, [(labels, value), ...])` scripts every query that contains `part`.

    The newest script that matches counts; a query that nothing matches gets an empty vector, as
    Prometheus answers for a metric that it does not know. A value may be a number, or text sent as
    it is ("NaN"), or a function of the world's time.
    """

    def __init__(self, world: Any) -> None:
        self.world = world
        self.server = StubServer(self._respond)
        self.scripts: list[tuple[str, Points | Callable[[], Points]]] = []
        self.warnings: list[str] = []
        self.infos: list[str] = []
        self.lag_s = 0.0  # how old its newest samples are
        self.rule_groups: list[dict[str, Any]] = []
        self.active_alerts: list[dict[str, Any]] = []
        self.active_targets: list[dict[str, Any]] = []
        self.known_series: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def queries(self) -> list[str]:
        """What has been asked, in order."""
        return [r.form["query"][0] for r in self.server.requests if "query" in r.form]

    def answer(self, part: str, points: Points | Callable[[], Points]) -> None:
        self.scripts.insert(0, (part, points))

    def forget(self) -> None:
        """Empty vectors for everything."""
        self.scripts.clear()

    # Faults; `ok` ends them.
    async def ok(self) -> None:
        self.server.answer, self.lag_s = None, 0.0
        await self.server.start()

    async def refuse(self) -> None:
        await self.server.stop()

    def hang(self) -> None:
        self.server.answer = HANG

    def html(self) -> None:
        self.server.answer = Response(200, b"<html>Sign in</html>", "text/html")

    def redirect(self) -> None:
        to = {"Location": "https://sso.example/login"}
        self.server.answer = Response(302, b"", "", to)

    def unauthorized(self) -> None:
        self.server.answer = as_text("401 Authorization Required", 401)

    def starting(self) -> None:
        self.server.answer = as_text("Service Unavailable", 503)

    def fail(self, status: int, error_type: str, error: str) -> None:
        """An error in Prometheus's own envelope (422 execution, 503 timeout, 400 bad_data)."""
        body = {"status": "error", "errorType": error_type, "error": error}
        self.server.answer = as_json(body, status)

    def frozen(self, lag_s: float) -> None:
        """It answers, from samples that are this old."""
        self.lag_s = lag_s

    def _respond(self, request: Request) -> Any:
        route = request.path.rpartition("/api/v1/")[2]
        if request.path.endswith("/-/ready"):
            return as_text("Prometheus Server is Ready.\n")
        if route == "query":
            return self._query(request.form)
        if route == "query_range":
            return self._range(request.form)
        found = {
            "series": lambda: self.known_series,
            "rules": lambda: {"groups": self.rule_groups},
            "alerts": lambda: {"alerts": self.active_alerts},
            "targets": lambda: {"activeTargets": self.active_targets, "droppedTargets": []},
        }.get(route)
        return as_text("404 page not found\n", 404) if found is None else self._good(found())

    def _good(self, data: Any) -> Response:
        body: dict[str, Any] = {"status": "success", "data": data}
        if self.warnings:
            body["warnings"] = self.warnings
        if self.infos:
            body["infos"] = self.infos
        return as_json(body)

    def _points(self, query: str) -> Points:
        if "timestamp(" in query and not any(part in query for part, _ in self.scripts):
            return [({}, self.lag_s)]
        for part, points in self.scripts:
            if part in query:
                return points() if callable(points) else points
        return []

    def _query(self, form: Mapping[str, list[str]]) -> Response:
        at = float(form.get("time", [str(self.world.now)])[0])
        result = [
            {"metric": labels, "value": [at, _text(value)]}
            for labels, value in self._points(form["query"][0])
        ]
        return self._good({"resultType": "vector", "result": result})

    def _range(self, form: Mapping[str, list[str]]) -> Response:
        start, end, step = (float(form[one][0]) for one in ("start", "end", "step"))
        times = [start + step * n for n in range(int((end - start) / step) + 1)]
        result = [
            {"metric": labels, "values": [[at, _text(value)] for at in times]}
            for labels, value in self._points(form["query"][0])
        ]
        return self._good({"resultType": "matrix", "result": result})


def _text(value: Any) -> str:
    if callable(value):
        value = value()
    return value if isinstance(value, str) else repr(float(value))
