"""A campaign's file, read and laid out into trials.

name = "nightly"
subjects = ["prod-eu"]
experiments = ["kill-store", "pause-store"]
trials = 3
duration = "20s"        # else as long as each experiment says
cooldown = "10s"        # between trials
patience = "2m"         # how long to wait until a subject is well again
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.chaos.order import Rules
from core.durations import parse_duration
from core.errors import Invalid

KEYS = ("name", "subjects", "experiments", "trials", "duration", "cooldown", "patience")
TRIALS_AT_MOST = 1000


@dataclass(frozen=True, slots=True)
class Campaign:
    """What a file asks for. Durations in seconds."""

    name: str
    subjects: tuple[str, ...]
    experiments: tuple[str, ...]
    trials: int = 1
    duration_s: float | None = None
    cooldown_s: float = 5.0
    patience_s: float = 120.0


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial. `key` is what it is known by when the campaign is run again."""

    key: str
    subject: str
    experiment: str
    number: int
    target: str
    duration_s: float | None
    seed: int

    @property
    def name(self) -> str:
        """As people read it."""
        return f"{self.experiment} on {self.subject}, trial {self.number}"


def read(file: Path) -> Campaign:
    """The campaign of a file. Invalid names the key that is wrong."""
    try:
        content = tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise Invalid(f"There is no file {file}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{file} cannot be read: {error}.") from None
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"{file} is not valid TOML: {error}.") from None
    unknown = sorted(content.keys() - set(KEYS))
    if unknown:
        raise Invalid(f"{file}: unknown key {unknown[0]!r}; there are {', '.join(KEYS)}.")
    return Campaign(
        name=_text(content.get("name", file.stem), file, "name"),
        subjects=_names(content, file, "subjects"),
        experiments=_names(content, file, "experiments"),
        trials=_count(content.get("trials", 1), file),
        duration_s=_seconds(content, file, "duration", None),
        cooldown_s=_seconds(content, file, "cooldown", 5.0) or 0.0,
        patience_s=_seconds(content, file, "patience", 120.0) or 0.0,
    )


def _text(value: Any, file: Path, key: str) -> str:
    if not isinstance(value, str) or not value:
        raise Invalid(f"{file}: {key} must be a text.")
    return value


def _names(content: Mapping[str, Any], file: Path, key: str) -> tuple[str, ...]:
    found = content.get(key)
    if not isinstance(found, list) or not found:
        raise Invalid(f'{file}: {key} must list names, as in {key} = ["one"].')
    return tuple(dict.fromkeys(_text(one, file, key) for one in found))


def _count(value: Any, file: Path) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= TRIALS_AT_MOST:
        raise Invalid(f"{file}: trials must be a whole number from 1 to {TRIALS_AT_MOST}.")
    return value


def _seconds(
    content: Mapping[str, Any], file: Path, key: str, otherwise: float | None
) -> float | None:
    value = content.get(key)
    if value is None:
        return otherwise
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return float(value)
    if isinstance(value, str):
        return 0.0 if value in ("0", "0s") else parse_duration(value)
    raise Invalid(f'{file}: {key} must be a duration, as in {key} = "20s".')


def trials(campaign: Campaign, rules: Rules) -> tuple[Trial, ...]:
    """Every trial in order: each round goes once over everything. Invalid or NotFound for an
    experiment or a subject that there is not, before anything is begun."""
    for name in campaign.experiments:
        for subject in campaign.subjects:
            experiment = rules.catalog.get(name)
            rules.subject_for(experiment, subject)
            rules.duration_s(experiment, subject, campaign.duration_s)
    found = [
        _trial(campaign, subject, name, number)
        for number in range(1, campaign.trials + 1)
        for subject in campaign.subjects
        for name in campaign.experiments
    ]
    if len(found) > TRIALS_AT_MOST:
        raise Invalid(f"That would be {len(found)} trials; {TRIALS_AT_MOST} at most are run.")
    return tuple(found)


def _trial(campaign: Campaign, subject: str, name: str, number: int) -> Trial:
    words = f"{campaign.name}/{subject}/{name}/{number}"
    digest = hashlib.sha256(words.encode()).hexdigest()
    return Trial(
        key=digest[:24],
        subject=subject,
        experiment=name,
        number=number,
        target="",
        duration_s=campaign.duration_s,
        seed=int(digest[:7], 16),
    )
