"""The table `[diagnosis]`: whether Claude may be asked, which models, and how much it may cost."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from core.config_section import Section
from core.durations import Duration


class PriceConfig(Section):
    """What a model costs, in dollars per million tokens; the cache's default to what is usual."""

    input: float = Field(gt=0)
    output: float = Field(gt=0)
    cache_read: float | None = Field(default=None, ge=0)
    cache_write: float | None = Field(default=None, ge=0)


class DiagnosisConfig(Section):
    """How diagnoses are made beside the rules, which are always on. Claude is asked only with a key,
    with `claude` set here, and about subjects that say so themselves."""

    claude: bool = False
    api_key_file: Path | None = None
    base_url: str | None = None
    model: str | None = None
    larger_model: str | None = None
    max_turns: int = Field(default=8, ge=1, le=50)
    max_seconds: Duration = 180.0
    max_tokens: int = Field(default=400_000, ge=1_000)
    max_dollars: float = Field(default=0.5, ge=0)
    max_dollars_per_day: float = Field(default=10.0, ge=0)
    prices: Mapping[str, PriceConfig] = Field(default_factory=dict)


class SubjectDiagnosisConfig(Section):
    """What a subject allows: whether evidence about it may be sent to Claude."""

    claude: bool = False
