"""The configuration file, the environment, and which of them wins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from core.config import DEFAULT_DB, Environment, load
from core.errors import Invalid

SUBJECT = '[[subjects]]\nname = "prod"\nkind = "tikv"\npd = ["pd:2379"]\n'


def env(**given: Any) -> Environment:
    """An environment with nothing in it but this."""
    blank = dict.fromkeys(Environment.model_fields)
    return Environment.model_construct(**{**blank, **given})


def file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "t.toml"
    path.write_text(text)
    return path


def test_without_a_file_there_are_defaults(tmp_path: Path) -> None:
    made = load(file(tmp_path, ""), env=env())
    assert made.database == DEFAULT_DB
    assert made.file.slack.mode == "socket"
    assert made.file.subjects == ()


def test_an_option_wins_over_a_variable_and_a_variable_over_the_file(tmp_path: Path) -> None:
    path = file(tmp_path, 'database = "file.db"')
    assert load(path, env=env()).database == "file.db"
    assert load(path, env=env(tocsin_db="env.db")).database == "env.db"
    assert load(path, env=env(tocsin_db="env.db"), database="option.db").database == "option.db"


def test_endpoints_of_the_command_line_go_to_the_first_tikv_subject(tmp_path: Path) -> None:
    path = file(tmp_path, SUBJECT)
    made = load(path, env=env(pd_endpoint="a:1"), pd="b:2, c:3,", prometheus="p:9090")
    [one] = made.file.subjects
    assert one.own == {"pd": ["b:2", "c:3"], "prometheus": "p:9090"}
    [alone] = load(file(tmp_path, ""), env=env(pd_endpoint="a:1")).file.subjects
    assert (alone.name, alone.kind, alone.own) == ("tikv", "tikv", {"pd": ["a:1"]})


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("'500ms'", 0.5), ("'1h30m'", 5400.0), ("'2d'", 172800.0), ("90", 90.0), ("1.5", 1.5)],
)
def test_a_duration_is_read_as_people_write_it(tmp_path: Path, text: str, seconds: float) -> None:
    made = load(file(tmp_path, f"[retention]\nevents = {text}"), env=env())
    assert made.file.retention.events == seconds


@pytest.mark.parametrize("text", ["'soon'", "''", "'5 parsecs'", "true", "[]", "'1h and a bit'"])
def test_what_is_no_duration_is_refused_with_its_key(tmp_path: Path, text: str) -> None:
    with pytest.raises(Invalid, match=r"retention\.events"):
        load(file(tmp_path, f"[retention]\nevents = {text}"), env=env())


def test_a_secret_comes_from_a_variable_or_a_file_and_shows_nowhere(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(" xoxb-from-file \n")
    path = file(tmp_path, f'[slack]\nbot_token_file = "{tmp_path}/token"')
    made = load(path, env=env())
    assert made.secrets() == ("xoxb-from-file",)
    assert "from-file" not in repr(made) + str(made.model_dump())


def test_a_secret_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = file(tmp_path, '[slack]\nbot_token_file = "/no/such/file"')
    with pytest.raises(Invalid, match=r"slack\.bot_token_file: /no/such/file cannot be read"):
        load(path, env=env())
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(Invalid, match="it is not text"):
        load(file(tmp_path, f'[slack]\nbot_token_file = "{tmp_path}/binary"'), env=env())


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(Invalid) as refused:
        load(file(tmp_path, "[http]\nprot = 1\n[log]\nlevel = 'loud'"), env=env())
    assert "did you mean 'port'?" in refused.value.text
    assert "'log.level'" in refused.value.text


def test_the_key_of_claude_may_be_in_a_file_and_a_variable_wins(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-from-file\n")
    path = file(tmp_path, f"[diagnosis]\napi_key_file = '{tmp_path / 'key'}'")
    made = load(path, env=env())
    assert made.anthropic_key is not None
    assert made.anthropic_key.get_secret_value() == "sk-from-file"
    won = load(path, env=env(anthropic_api_key=SecretStr("sk-from-variable")))
    assert "sk-from-variable" in won.secrets()
    with pytest.raises(Invalid, match="api_key_file: /no/key cannot be read"):
        load(file(tmp_path, "[diagnosis]\napi_key_file = '/no/key'"), env=env())


def test_what_subjects_send_in_headers_is_known_as_secret(tmp_path: Path) -> None:
    login = "prometheus_headers = {Authorization = 'Bearer hunter2-hunter2', X-Key = 'abc def'}"
    made = load(file(tmp_path, SUBJECT + login), env=env())
    assert set(made.secrets()) == {
        "Bearer hunter2-hunter2",
        "hunter2-hunter2",
        "abc def",
        "def",
    }
