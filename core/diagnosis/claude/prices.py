"""Which models are known, what they hold and what they cost: dated, so that age shows.

Prices are US dollars per million tokens, which is micro-dollars per token. They are from the public
price list of platform.claude.com as it stood on `AS_OF`; what is asked for under another name needs
a price of its own in the configuration.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

AS_OF = "2026-10-24"
_WRITE = 1.25  # a cache entry that lives five minutes costs this many times the input


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs, in dollars per million tokens (= micro-dollars per token).

    Calls whose whole prompt is longer than `long_over` tokens (0: no such step) cost `long_times`
    as much, answers included.
    """

    input: float
    output: float
    cache_read: float
    cache_write: float = 0.0
    long_over: int = 0
    long_times: float = 1.0

    @property
    def write(self) -> float:
        """Putting a token into the cache."""
        return self.cache_write or self.input * _WRITE


@dataclass(frozen=True, slots=True)
class Model:
    """A model: how many tokens it can look at and say, and its price."""

    name: str
    context: int
    longest_answer: int
    price: Price


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one or more calls. Input does not count what was read from or put into the cache."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.input + self.output + self.cache_read + self.cache_write

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input + other.input,
            self.output + other.output,
            self.cache_read + other.cache_read,
            self.cache_write + other.cache_write,
        )


MODELS: Mapping[str, Model] = MappingProxyType(
    {
        one.name: one
        for one in (
            Model("claude-opus-5-5", 1_000_000, 128_000, Price(4, 20, 0.20)),
            Model("claude-opus-5", 1_000_000, 128_000, Price(5, 25, 0.50)),
            Model("claude-sonnet-5-5", 1_000_000, 128_000, Price(2, 10, 0.10)),
            Model("claude-sonnet-5", 1_000_000, 128_000, Price(2, 10, 0.20)),
            Model(
                "claude-haiku-5-5",
                1_000_000,
                128_000,
                Price(0.10, 0.50, 0.01, long_over=100_000, long_times=5.0),
            ),
            Model("claude-sonnet-4-6", 200_000, 64_000, Price(3, 15, 0.30)),
            Model("claude-haiku-4-5", 200_000, 64_000, Price(1, 5, 0.10)),
        )
    }
)


def cost(price: Price, usage: Usage) -> int:
    """What a call cost, in micro-dollars, rounded up."""
    prompt = usage.input + usage.cache_read + usage.cache_write
    times = price.long_times if price.long_over and prompt > price.long_over else 1.0
    plain = (
        usage.input * price.input
        + usage.output * price.output
        + usage.cache_read * price.cache_read
        + usage.cache_write * price.write
    )
    return math.ceil(round(plain * times, 6))


def highest(price: Price, prompt_tokens: int, answer_tokens: int) -> int:
    """The most that a call may cost, in micro-dollars: all of it new to the cache, the answer full."""
    return cost(price, Usage(output=answer_tokens, cache_write=prompt_tokens))
