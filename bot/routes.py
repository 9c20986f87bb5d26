"""Where a ticket is told, and whom a page there mentions: pure look-ups in the configuration."""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.errors import Invalid
from core.invariant import Severity
from core.subject import OWN

_MENTION = re.compile(r"<@[UW][A-Z0-9]{2,20}>|<!subteam\^S[A-Z0-9]{2,20}>")
_BARE = re.compile(r"@?([UWS][A-Z0-9]{2,20})")


@dataclass(frozen=True, slots=True)
class Route:
    """Tickets of these subjects and severities (empty: any) go to `channel`.

    `mention` is "<@U...>" or "<!subteam^S...>"; "" mentions nobody.
    """

    channel: str
    mention: str = ""
    subjects: tuple[str, ...] = ()
    severities: tuple[Severity, ...] = ()

    def takes(self, subject: str | None, severity: Severity) -> bool:
        """Whether a ticket of `subject` with `severity` goes here."""
        wanted = not self.subjects or (subject is not None and subject in self.subjects)
        return wanted and (not self.severities or severity in self.severities)


def mention(text: str | None) -> str:
    """A mention as Slack reads it, from "U0123", "@U0123", "S0123" or the full form.

    Raises Invalid for anything else: a name alone mentions nobody.
    """
    if not text:
        return ""
    if _MENTION.fullmatch(text):
        return text
    found = _BARE.fullmatch(text)
    if found is None:
        raise Invalid(
            f"{text!r} cannot be mentioned: give a user's id (U...) or a user group's id (S...)."
        )
    target = found[1]
    return f"<!subteam^{target}>" if target.startswith("S") else f"<@{target}>"


@dataclass(frozen=True, slots=True)
class Routes:
    """The configured routes, tried in order; `default` takes what no route takes.

    `fallback` is the channel for what concerns Tocsin itself, and for tickets whose own channel
    cannot be delivered to.
    """

    routes: tuple[Route, ...]
    default: str
    fallback: str

    def find(self, subject: str | None, severity: Severity) -> Route:
        """The route of a ticket; always one."""
        if subject == OWN:
            own = Route(self.fallback)
            return next(
                (r for r in self.routes if OWN in r.subjects and r.takes(OWN, severity)), own
            )
        found = next((r for r in self.routes if r.takes(subject, severity)), None)
        return found or Route(self.default)

    def of_subject(self, subject: str | None) -> Route:
        """Where news of a whole subject goes: to those who get its worst tickets."""
        return self.find(subject, Severity.CRITICAL)

    def channels(self) -> tuple[str, ...]:
        """Every channel that anything can go to."""
        named = (*(r.channel for r in self.routes), self.default, self.fallback)
        return tuple(dict.fromkeys(c for c in named if c))
