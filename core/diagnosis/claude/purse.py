"""What one diagnosis may cost and has cost: money is put aside before each call, and counted after it."""

from __future__ import annotations

from typing import Any

from core.db import Fenced
from core.diagnosis.claude.prices import Model, Usage, cost, highest
from core.diagnosis.claude.task import Ending, Ledger, Means, Spent
from core.diagnosis.claude.wire import Failed
from core.diagnosis.model import canonical
from core.errors import Refused, TocsinError

SHORTEST_ANSWER = 3_000
"""Tokens below which an answer is not worth asking for."""
_BYTES_A_TOKEN = 2
"""Fewer than any text has in practice (JSON full of figures has 2.5), so that an estimate is a ceiling."""


class Purse:
    """Counts calls, tokens and money of one diagnosis, all models together."""

    def __init__(self, means: Means) -> None:
        self._settings = means.settings
        self._ledger: Ledger = means.ledger
        self.usage = Usage()
        self.micro_dollars = 0
        self.calls = 0
        self.turns = 0

    @staticmethod
    def size(body: Any) -> int:
        """Bytes of a request."""
        return len(canonical(body))

    def estimate(self, body: Any, told: int = 0, known: int = 0) -> int:
        """Tokens of a request at most; `known` of them were counted for its first `told` bytes."""
        size = self.size(body)
        fresh = max(size - told, 0) if known else size
        return known + fresh // _BYTES_A_TOKEN + 1

    def answer_tokens(self, model: Model, prompt: int, wanted: int) -> int:
        """How long the answer may be within what is left; Failed if that is too little."""
        settings = self._settings
        wanted = min(wanted, model.longest_answer)
        tokens = settings.max_tokens - self.usage.total - prompt
        if tokens < min(SHORTEST_ANSWER, wanted):
            words = f"The cap of {settings.max_tokens:,} tokens for one diagnosis is reached."
            raise Failed(Ending.OVER_BUDGET, words)
        money = settings.max_micro_dollars - self.micro_dollars
        wanted = min(wanted, tokens)
        while highest(model.price, prompt, wanted) > money:
            if wanted <= SHORTEST_ANSWER:
                cap = settings.max_micro_dollars / 1e6
                raise Failed(
                    Ending.OVER_BUDGET, f"The cap of ${cap:,.2f} for one diagnosis is reached."
                )
            wanted = max(wanted * 3 // 4, SHORTEST_ANSWER)
        return wanted

    async def reserve(self, model: Model, prompt: int, answer: int) -> int:
        """Put aside the most that a call may cost; Failed if the day has no money left."""
        try:
            number = await self._ledger.reserve(model.name, highest(model.price, prompt, answer))
        except Fenced:
            raise  # somebody else works on this now: no answer of ours counts
        except Refused as refused:
            raise Failed(Ending.OVER_BUDGET, refused.text) from None
        except TocsinError as error:
            words = f"What may be spent today cannot be told: {error.text}"
            raise Failed(Ending.OVER_BUDGET, words) from None
        self.calls += 1
        return number

    async def settle(self, reservation: int, model: Model, usage: Usage, outcome: str) -> None:
        """Count what a call was in the end."""
        paid = cost(model.price, usage)
        self.usage += usage
        self.micro_dollars += paid
        await self._ledger.settle(reservation, Spent(usage, paid, outcome))
