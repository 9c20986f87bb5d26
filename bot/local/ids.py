"""Names and secrets of the local workspace: Slack-shaped ids, random or from a seed."""

from __future__ import annotations

import random
import string
import uuid

ALPHABET = string.ascii_uppercase + string.digits
TOKEN_ALPHABET = string.ascii_letters + string.digits


class Ids:
    """Makes ids; the same seed makes the same ids in the same order (for tests only).

    What grants something (tokens, tickets, addresses) comes from the operating system's source
    unless a seed was given; what only names something need not be unguessable, but fast.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)
        self._private = random.SystemRandom() if seed is None else self._random

    def make(self, prefix: str, length: int = 10) -> str:
        """An id such as U0ABCDEFGHI: the prefix, a zero, then letters and digits."""
        return f"{prefix}0{''.join(self._random.choices(ALPHABET, k=length - 1))}"

    def hidden(self, prefix: str, length: int = 24) -> str:
        """An id that cannot be guessed."""
        return f"{prefix}0{''.join(self._private.choices(ALPHABET, k=length))}"

    def secret(self, length: int = 24) -> str:
        return "".join(self._private.choices(TOKEN_ALPHABET, k=length))

    def digits(self, length: int) -> str:
        return "".join(self._random.choices(string.digits, k=length))

    def uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def block_id(self) -> str:
        """Slack names an unnamed block with five characters."""
        return "".join(self._random.choices(TOKEN_ALPHABET, k=5))


def ts_of(micros: int) -> str:
    """Slack's message timestamp from microseconds since the epoch."""
    return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"
