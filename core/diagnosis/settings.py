"""What the operator allows: Claude or not, for which subjects, and how much it may cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from core.config import Config
from core.config_diagnosis import DiagnosisConfig, PriceConfig
from core.diagnosis.budget import Caps
from core.diagnosis.claude.prices import Price
from core.diagnosis.claude.settings import ClaudeSettings
from core.errors import Invalid

MICRO = 1_000_000
NOTHING = Caps(0, 0)
_READ = 0.1  # what is read from the cache costs a tenth of the input, where nothing else is said


@dataclass(frozen=True, slots=True)
class Allowed:
    """`claude` None: it is never asked. `subjects` are those that opted in; `caps` is money."""

    claude: ClaudeSettings | None = None
    subjects: frozenset[str] = frozenset()
    caps: Caps = field(default=NOTHING)

    def model_for(self, subject: str) -> ClaudeSettings | None:
        """How to ask Claude about a subject; None where that is not allowed."""
        return self.claude if subject in self.subjects else None


def allowed(config: Config) -> Allowed:
    """What the configuration and the environment allow. Invalid for a model without a price."""
    file = config.file.diagnosis
    caps = Caps(round(file.max_dollars * MICRO), round(file.max_dollars_per_day * MICRO))
    some = frozenset(one.name for one in config.file.subjects if one.diagnosis.claude)
    settings = claude_settings(config)
    on = file.claude and config.anthropic_key is not None
    return Allowed(settings if on else None, some, caps)


def claude_settings(config: Config, model: str | None = None) -> ClaudeSettings:
    """How Claude would be asked; with `model`, that one alone."""
    file, key = config.file.diagnosis, config.anthropic_key
    made = ClaudeSettings(
        api_key="" if key is None else key.get_secret_value(),
        max_turns=file.max_turns,
        max_seconds=file.max_seconds,
        max_tokens=file.max_tokens,
        max_micro_dollars=round(file.max_dollars * MICRO),
        prices=_prices(file),
        secrets=config.secrets(),
    )
    try:
        return _models(made, file, model)
    except Invalid as error:
        raise Invalid(f"diagnosis: {error.text}") from None


def _models(made: ClaudeSettings, file: DiagnosisConfig, model: str | None) -> ClaudeSettings:
    if file.base_url is not None:
        made = replace(made, base_url=file.base_url)
    if model is not None:
        return replace(made, model=model, larger="")
    larger = made.larger if file.larger_model is None else file.larger_model
    return replace(made, model=file.model or made.model, larger=larger)


def _prices(file: DiagnosisConfig) -> Mapping[str, Price]:
    return {name: _price(one) for name, one in file.prices.items()}


def _price(one: PriceConfig) -> Price:
    read = one.input * _READ if one.cache_read is None else one.cache_read
    return Price(one.input, one.output, read, one.cache_write or 0.0)
