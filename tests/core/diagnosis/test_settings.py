"""Claude is asked only where the key, the file and the subject all say so."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from core.config import Environment, load
from core.diagnosis.settings import allowed, claude_settings
from core.errors import Invalid

SUBJECTS = """
[[subjects]]
name = "prod"
kind = "tikv"
pd = ["a"]
diagnosis = {claude = true}
[[subjects]]
name = "test"
kind = "tikv"
pd = ["b"]
"""


def config(tmp_path: Path, text: str, key: str | None = "sk-ant-" + "k" * 20, **how: str):
    path = tmp_path / "t.toml"
    path.write_text(text + SUBJECTS)
    secret = None if key is None else SecretStr(key)
    return load(path, env=Environment(anthropic_api_key=secret), **how)


@pytest.mark.parametrize(
    ("text", "key", "asked"),
    [
        ("[diagnosis]\nclaude = true", "k", True),
        ("[diagnosis]\nclaude = true", None, False),
        ("", "k", False),
        ("[diagnosis]\nclaude = false", "k", False),
    ],
)
def test_all_three_must_say_so(tmp_path: Path, text: str, key: str | None, asked: bool) -> None:
    may = allowed(config(tmp_path, text, key))
    assert (may.model_for("prod") is not None) is asked
    assert may.model_for("test") is None
    assert may.model_for("unknown") is None


def test_opting_in_survives_endpoints_from_the_command_line(tmp_path: Path) -> None:
    made = config(tmp_path, "[diagnosis]\nclaude = true", pd="http://x:1")
    assert allowed(made).model_for("prod") is not None
    assert made.file.subjects[0].own == {"pd": ["http://x:1"]}


def test_what_the_file_says_is_how_claude_is_asked(tmp_path: Path) -> None:
    text = """
[diagnosis]
claude = true
base_url = "http://127.0.0.1:1"
model = "own-model"
larger_model = ""
max_turns = 3
max_seconds = "90s"
max_tokens = 5000
max_dollars = 0.25
max_dollars_per_day = 2.5
prices = {own-model = {input = 2, output = 10}}
"""
    may = allowed(config(tmp_path, text))
    made = may.claude
    assert made is not None
    assert (made.model, made.larger, made.base_url) == ("own-model", "", "http://127.0.0.1:1")
    assert (made.max_turns, made.max_seconds, made.max_tokens) == (3, 90.0, 5_000)
    assert (may.caps.one, may.caps.day, made.max_micro_dollars) == (250_000, 2_500_000, 250_000)
    price = made.known("own-model").price
    assert (price.input, price.output, price.cache_read, price.write) == (2, 10, 0.2, 2.5)
    assert made.api_key in made.secrets
    assert made.api_key not in repr(made)


def test_a_model_without_a_price_is_refused_with_the_key_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="diagnosis: There is no price for the model 'gpt'"):
        allowed(config(tmp_path, "[diagnosis]\nmodel = 'gpt'"))
    with pytest.raises(Invalid, match="no price for the model 'x'"):
        claude_settings(config(tmp_path, ""), "x")
