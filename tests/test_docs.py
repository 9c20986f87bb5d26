"""Every command, option and key can be found in docs/cli.md and docs/configuration.md."""

from __future__ import annotations

import dataclasses
import re
import tomllib
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main
from pydantic import BaseModel

from bot.cli.app import program
from core.config import Environment, FileConfig
from core.subjects.etcd.settings import EtcdSettings
from core.subjects.tikv.settings import TikvSettings

DOCS = Path(__file__).parent.parent / "docs"
CLI = (DOCS / "cli.md").read_text()
CONFIGURATION = (DOCS / "configuration.md").read_text()


def commands(group: Any, path: str = "tocsin") -> Iterator[tuple[str, Any]]:
    for name, one in group.commands.items():
        if hasattr(one, "commands"):
            yield from commands(one, f"{path} {name}")
        else:
            yield f"{path} {name}", one


def test_every_command_and_option_is_in_the_reference() -> None:
    found = dict(commands(typer.main.get_command(program())))
    assert len(found) > 15
    assert [name for name in found if f"`{name}" not in CLI] == []
    options = {o for one in found.values() for p in one.params for o in p.opts if o[0] == "-"}
    plain = re.sub(r"[`\[\]|,()]", " ", CLI).split()
    assert {one for one in options if one not in plain} - {"--help"} == set()


def test_no_command_is_in_the_reference_that_is_not_there() -> None:
    real = [name for name, _ in commands(typer.main.get_command(program()))]
    for told in re.findall(r"`(tocsin [a-z][a-z -]*[a-z])", CLI):
        assert any(told.startswith(one) or one.startswith(told) for one in real), told


def keys(kind: type[BaseModel]) -> Iterator[str]:
    for name, field in kind.model_fields.items():
        yield name
        for inner in _within(field.annotation):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield from keys(inner)


def settings(kind: Any) -> Iterator[str]:
    hints = typing.get_type_hints(kind)
    for one in dataclasses.fields(kind):
        yield one.name.removesuffix("_s")
        for inner in _within(hints[one.name]):
            if dataclasses.is_dataclass(inner):
                yield from settings(inner)


def _within(annotation: Any) -> Iterator[Any]:
    yield annotation
    for inner in typing.get_args(annotation):
        yield from _within(inner)


def test_every_key_is_in_the_reference() -> None:
    words = set(re.findall(r"[a-z][a-z0-9_]*", CONFIGURATION))
    known = {*keys(FileConfig), *settings(TikvSettings), *settings(EtcdSettings)}
    assert len(known) > 60
    assert known - words == set()


def test_every_variable_is_in_the_reference() -> None:
    variables = {name.upper() for name in Environment.model_fields} - {"NO_COLOR"}
    assert {one for one in variables if f"`{one}`" not in CLI} == set()


def test_the_example_shows_every_table_and_no_key_that_is_not_there() -> None:
    text = (DOCS.parent / "tocsin.example.toml").read_text()
    lines = [re.sub(r"^# (?=\[|[a-z_]+ = )", "", line) for line in text.splitlines()]
    shown = tomllib.loads("\n".join(lines))
    assert set(FileConfig.model_fields) <= set(shown)
    FileConfig.model_validate(shown)
