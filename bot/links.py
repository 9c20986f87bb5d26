"""Links on cards, from the configuration's URL templates."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from core.config import LinksConfig
from core.errors import Invalid
from core.tickets.model import Ticket

_FIELDS = ("subject", "invariant", "entity", "store")


def of(config: LinksConfig) -> Callable[[Ticket], tuple[tuple[str, str], ...]]:
    """A function from a ticket to its (label, url) links.

    {subject}, {invariant}, {entity} and {store} are filled in, each quoted, so that no name can add
    a path or a parameter of its own. Invalid for a template with any other field, or that is not http(s).
    """
    templates = [("Grafana", "", config.grafana)] if config.grafana else []
    templates += [("Runbook", name, url) for name, url in config.runbooks.items()]
    for _, name, url in templates:
        _check(f"links.runbooks.{name}" if name else "links.grafana", url or "")

    def links(ticket: Ticket) -> tuple[tuple[str, str], ...]:
        return tuple(
            (label, _filled(url or "", ticket))
            for label, invariant, url in templates
            if invariant in ("", ticket.invariant)
        )

    return links


def _values(ticket: Ticket) -> dict[str, str]:
    return {
        "subject": quote(ticket.subject, safe=""),
        "invariant": quote(ticket.invariant, safe=""),
        "entity": quote(ticket.entity, safe=""),
        "store": quote(ticket.entity.removeprefix("store:"), safe=""),
    }


def _filled(template: str, ticket: Ticket) -> str:
    return template.format(**_values(ticket))


def _check(key: str, template: str) -> None:
    if not template.startswith(("https://", "http://")):
        raise Invalid(f"{key} must be an http or https address.")
    try:
        template.format(**dict.fromkeys(_FIELDS, ""))
    except (KeyError, IndexError, ValueError, AttributeError):
        known = ", ".join(f"{{{f}}}" for f in _FIELDS)
        raise Invalid(f"{key}: only {known} can be filled in.") from None
