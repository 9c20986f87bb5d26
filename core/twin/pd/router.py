"""Routes by pattern, and the answers that PD's handlers share."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.twin.golang import compact, pretty
from core.twin.wire import Request, Response

if TYPE_CHECKING:
    from core.twin.pd.member import Member

JSON = "application/json; charset=UTF-8"
TEXT = "text/plain; charset=utf-8"
NO_SNIFF = {"X-Content-Type-Options": "nosniff"}
Handler = Callable[["Member", Request, dict[str, str]], Awaitable[Response]]
NOT_BOOTSTRAPPED = (
    "[PD:cluster:ErrNotBootstrapped]TiKV cluster not bootstrapped, please start TiKV first"
)


@dataclass(frozen=True, slots=True)
class Route:
    """One route. `since` and `until` bound the versions that have it (until is excluded)."""

    method: str
    pattern: re.Pattern[str]
    handler: Handler
    local: bool = False
    booted: bool = True
    since: tuple[int, ...] = ()
    until: tuple[int, ...] = (10**6,)


def route(
    method: str,
    path: str,
    handler: Handler,
    local: bool = False,
    booted: bool = True,
    since: tuple[int, ...] = (),
    until: tuple[int, ...] = (10**6,),
) -> Route:
    """`path` below /pd/api/v1 with {names}; `local` = never forwarded since 8.5."""
    full = path if path.startswith("/pd/api/v2") else f"/pd/api/v1{path}"
    pattern = re.sub(
        r"\{(\w+)\}", r"(?P<\1>[^/]+)", re.escape(full).replace(r"\{", "{").replace(r"\}", "}")
    )
    return Route(method, re.compile(f"^{pattern}$"), handler, local, booted, since, until)


def good(value: Any, status: int = 200) -> Response:
    """An indented JSON body."""
    return Response(status, pretty(value), JSON)


def raw(value: Any) -> Response:
    """A region body: compact JSON declared as octet-stream."""
    return Response(200, compact(value), "application/octet-stream")


def bad(status: int, text: str) -> Response:
    """PD's ordinary refusal: a JSON string."""
    return Response(status, pretty(text), JSON)


def plain(status: int, text: str) -> Response:
    """Go's http.Error."""
    return Response(status, f"{text}\n".encode(), TEXT, dict(NO_SNIFF))


def not_found() -> Response:
    return plain(404, "404 page not found")


def input_error(message: str, data: dict[str, Any] | None = None) -> Response:
    """An errcode object with its header."""
    body = {"code": "input", "msg": message, "data": data or {}}
    return Response(400, pretty(body), JSON, {"Tidb-Error-Code": "input"})


class BadInput(Exception):
    """A request that cannot be read; carries the answer."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


def uint(text: str) -> int:
    """A path segment as id; BadInput with strconv's words otherwise."""
    if not re.fullmatch(r"\d{1,20}", text):
        message = f'strconv.ParseUint: parsing "{text}": invalid syntax'
        raise BadInput(input_error(message))
    return int(text)


def body_of(request: Request) -> Any:
    """The JSON body; BadInput with encoding/json's words otherwise."""
    text = request.body.decode("utf-8", "replace")
    try:
        return json.loads(text, parse_constant=_no_constant)
    except ValueError as error:
        position = getattr(error, "pos", 0)
        raise BadInput(input_error(*_syntax(text, position))) from error


def _no_constant(name: str) -> None:
    raise ValueError(name)  # NaN and Infinity are no JSON in Go


def _syntax(text: str, position: int) -> tuple[str, dict[str, Any]]:
    if not text.strip() or position >= len(text):
        return "unexpected end of JSON input", {"Offset": len(text)}
    where = "looking for beginning of value"
    if text[:position].rstrip().endswith("{"):
        where = "looking for beginning of object key string"
    return f"invalid character '{text[position]}' {where}", {"Offset": position + 1}


def object_of(request: Request) -> dict[str, Any]:
    """The JSON body when it is an object; BadInput otherwise."""
    value = body_of(request)
    if not isinstance(value, dict):
        kind = "array" if isinstance(value, list) else type(value).__name__
        raise BadInput(
            input_error(
                f"json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"
            )
        )
    return value
