"""What the operator decides about Claude: key, models, and the caps on turns, time, tokens and money."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from core.diagnosis.claude.prices import AS_OF, MODELS, Model, Price
from core.errors import Invalid

DEFAULT_URL = "https://api.anthropic.com"
DEFAULT_MODEL = "claude-sonnet-5-5"
DEFAULT_LARGER = "claude-opus-5-5"
UNKNOWN_CONTEXT = 200_000
UNKNOWN_ANSWER = 32_000


@dataclass(frozen=True, slots=True)
class ClaudeSettings:
    """All of it. Invalid, naming what is known, for a model that has no price.

    `model` is asked first; `larger` ("": none) once, when the claims of the first fail or its verdict
    is inconclusive. The caps hold for one diagnosis, both models together: `max_turns` calls,
    `max_seconds` of wall time, `max_tokens` of all kinds, `max_micro_dollars`. The cap per day is the
    ledger's. `answer_tokens` is the longest answer asked of one call, thinking included; `quiet_s` how
    long a stream may be silent; `retries` how often a call that failed on the way is made again.
    `prices` are for models that `core.diagnosis.claude.prices` does not know, or override it.
    `secrets` are known secrets that must not leave, beside everything that looks like one.
    """

    api_key: str = field(default="", repr=False)
    base_url: str = DEFAULT_URL
    model: str = DEFAULT_MODEL
    larger: str = DEFAULT_LARGER
    max_turns: int = 8
    max_seconds: float = 180.0
    max_tokens: int = 400_000
    max_micro_dollars: int = 500_000
    answer_tokens: int = 12_000
    quiet_s: float = 60.0
    retries: int = 2
    prices: Mapping[str, Price] = field(default_factory=lambda: MappingProxyType({}))
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        for name in (self.model, self.larger) if self.larger else (self.model,):
            self.known(name)

    @property
    def hidden(self) -> tuple[str, ...]:
        """All secrets that are known by themselves: the key is one."""
        return (*self.secrets, self.api_key) if self.api_key else self.secrets

    def known(self, name: str) -> Model:
        """What is known of a model; Invalid names the known ones."""
        built_in, price = MODELS.get(name), self.prices.get(name)
        if built_in is not None:
            own = (built_in.context, built_in.longest_answer, price or built_in.price)
            return Model(name, *own)
        if price is None:
            raise Invalid(
                f"There is no price for the model {name!r}. Known on {AS_OF}: "
                f"{', '.join(MODELS)}. For another one, give its prices too."
            )
        return Model(name, UNKNOWN_CONTEXT, UNKNOWN_ANSWER, price)
