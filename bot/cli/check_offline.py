"""What a configuration alone shows to be wrong, though every key in it can be read."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from bot.slack import tls
from core.config import Config, SubjectConfig
from core.errors import Invalid
from core.findings import Finding
from core.subject import OWN
from core.wiring import CATALOGUES

PART = "configuration"
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,253}[A-Za-z0-9_.])?|[0-9A-Fa-f:.]+(%\w+)?")


def useless(config: Config) -> list[Finding]:
    """Addresses at which nothing can be, names of things that are not there; each with its fix."""
    return [
        *_addresses(config),
        *_ca_file(config),
        *_fallback(config),
        *_routed(config),
        *_runbooks(config),
        *(one for subject in config.file.subjects for one in _of_subject(subject)),
    ]


def _no(what: str, found: str, fix: str) -> Finding:
    return Finding(PART, what, False, found, fix)


def _parts(text: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of an address; the host is "" where there can be none."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "", "", None
    return parts.scheme, host if _HOST.fullmatch(host) else "", port


def _is_url(text: str) -> bool:
    scheme, host, _ = _parts(text)
    return scheme in ("http", "https") and bool(host)


def _addresses(config: Config) -> Iterator[Finding]:
    file = config.file
    for key, given, example in (
        ("slack.base_url", file.slack.base_url, "https://slack.com/api/"),
        ("slack.proxy", file.slack.proxy, "http://proxy:3128"),
        ("heartbeat.url", file.heartbeat.url, "https://hc-ping.com/your-uuid"),
        ("fallback.url", file.fallback.url, "https://events.pagerduty.com/v2/enqueue"),
        ("diagnosis.base_url", file.diagnosis.base_url, "https://api.anthropic.com"),
    ):
        if given is not None and not _is_url(given):
            # Not quoted: the path of such an address may be its secret.
            yield _no(key, "is no http or https address", f"write it like {example}")


def _ca_file(config: Config) -> Iterator[Finding]:
    try:
        tls(config.file.slack.ca_file)
    except Invalid as error:
        yield _no("slack.ca_file", error.text, "name a file of certificates in PEM form")


def _fallback(config: Config) -> Iterator[Finding]:
    if "fallback" in config.file.model_fields_set and config.pagerduty_key is None:
        fix = "set $PAGERDUTY_ROUTING_KEY or fallback.routing_key_file, or take [fallback] away"
        yield _no("fallback", "has no routing key: nothing is ever sent there", fix)


def _routed(config: Config) -> Iterator[Finding]:
    known = [*(one.name for one in config.file.subjects), OWN]
    for number, route in enumerate(config.file.routes, 1):
        for name in route.subjects:
            if name not in known:
                found = f"there is no subject {name!r}: nothing of it comes here"
                fix = _near(name, known) or f"name one of {', '.join(known[:10])}"
                yield _no(f"routes[{number}].subjects", found, fix)


def _runbooks(config: Config) -> Iterator[Finding]:
    known = sorted({one.name for catalogue in CATALOGUES.values() for one in catalogue})
    for name in config.file.links.runbooks:
        if name not in known:
            fix = _near(name, known) or "`tocsin invariants` prints their names"
            yield _no(f"links.runbooks.{name}", "there is no such invariant", fix)


def _near(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"write {near[0]!r}" if near else ""


def _of_subject(subject: SubjectConfig) -> Iterator[Finding]:
    own, where = subject.own, f"subject {subject.name!r}"
    given = own.get("prometheus")
    if isinstance(given, str) and given and not _is_place(given):
        fix = "write it like http://prometheus:9090"
        yield _no(f"{where}: prometheus", f"{given!r} is no http or https address", fix)
    chaos = own.get("chaos")
    more: Mapping[str, Any] = chaos if isinstance(chaos, Mapping) else {}
    for key, engine in (("docker", own.get("docker")), ("chaos.docker", more.get("docker"))):
        if isinstance(engine, str) and engine and not _is_engine(engine):
            fix = "write it like unix:///var/run/docker.sock or tcp://host:2375"
            yield _no(f"{where}: {key}", f"{engine!r} is no address of a Docker engine", fix)


def _is_place(text: str) -> bool:
    """A URL, or host:port; a word alone is more likely a mistake than the name of a host."""
    if "://" in text:
        return _is_url(text)
    _, host, port = _parts(f"http://{text}")
    return bool(host) and port is not None


def _is_engine(text: str) -> bool:
    if text.startswith("unix://"):
        return text.removeprefix("unix://").startswith("/")
    scheme, host, _ = _parts(text)
    return scheme in ("tcp", "http", "https") and bool(host)
