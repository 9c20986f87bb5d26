"""The five ways in which a request can fail, each with a text for the person who asked.

The docstring of a class is its default text. Everything else that goes wrong is a bug or an outage:
one line to the person, a trace in the log.
"""

from __future__ import annotations


class TocsinError(Exception):
    """Something went wrong."""

    def __init__(self, text: str = "") -> None:
        super().__init__(text or (type(self).__doc__ or "").strip().splitlines()[0])

    @property
    def text(self) -> str:
        """What the person reads: says what happened and what to do next."""
        return str(self.args[0])


class Invalid(TocsinError):
    """That input cannot be understood."""


class NotFound(TocsinError):
    """There is no such thing."""


class Conflict(TocsinError):
    """Somebody else changed it first; look again."""


class Refused(TocsinError):
    """You may not do that."""


class Unavailable(TocsinError):
    """That is out of reach right now; try again in a moment."""
