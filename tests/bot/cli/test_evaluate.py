"""`tocsin eval`: a table, JSON, or a diagnosis in full; its exit code tells of unreadable ones."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli.app import program
from tests.claude_server import KEY, ClaudeServer
from tests.core.diagnosis.claude.desk_rig import right, task

KILLED = Path(__file__).parents[3] / "scenarios" / "ours" / "killed-by-docker"


@pytest.fixture
def evaluated():
    def run(*args):
        return CliRunner().invoke(program(), ["eval", *(str(one) for one in args)])

    return run


def test_the_table_has_a_row_a_set(evaluated):
    result = evaluated(KILLED)
    assert result.exit_code == 0
    assert "Cause right" in result.stdout
    assert "killed-by-docker" in result.stdout
    assert "100 %" in result.stdout


def test_json_has_every_scenario_and_the_sums(evaluated):
    told = json.loads(evaluated(KILLED, "--json").stdout)
    assert told["scenarios"][0]["cause"] == "process_killed"
    assert told["sets"][0]["grounded"] == 1


def test_show_prints_certainty_first_then_why_and_commands(evaluated):
    lines = evaluated(KILLED, "--show").stdout.splitlines()
    assert lines[1].startswith("CONFIRMED: ")
    assert any(one.strip() == "$ docker start tikv-4" for one in lines)


def test_a_scenario_that_cannot_be_read_fails_the_command(evaluated, tmp_path):
    (tmp_path / "scenario.toml").write_text("x = 1")
    result = evaluated(tmp_path)
    assert result.exit_code == 1
    assert "cannot be read" in result.stdout


def test_a_folder_without_scenarios_is_bad_usage(evaluated, tmp_path):
    assert evaluated(tmp_path).exit_code == 2


async def test_the_real_claude_is_asked_with_a_key_and_within_a_budget(tmp_path):
    config = tmp_path / "tocsin.toml"
    about = task(whole=True)

    def run(*args, key=KEY):
        asked = ["eval", str(KILLED), "--json", "--config", str(config), *args]
        return CliRunner().invoke(program(), asked, env={"ANTHROPIC_API_KEY": key})

    async with ClaudeServer(right(about)) as claude:
        config.write_text(f'[diagnosis]\nbase_url = "{claude.url}"\n')
        [score] = json.loads((await asyncio.to_thread(run, "--claude")).stdout)["scenarios"]
        assert (score["ending"], score["made_by"]) == ("answered", "claude-sonnet-5-5")
        assert score["grounded"]
        assert score["micro_dollars"] > 0
        assert len(claude.bodies) == 1

        poor = await asyncio.to_thread(run, "--claude", "--max-dollars", "0.01")
        [score] = json.loads(poor.stdout)["scenarios"]
        assert (score["ending"], score["made_by"]) == ("over budget", "rules")

        other = await asyncio.to_thread(run, "--claude", "--model", "claude-haiku-5-5")
        assert json.loads(other.stdout)["scenarios"][0]["made_by"] == "claude-haiku-5-5"

        await asyncio.to_thread(run)
        assert len(claude.bodies) == 2
        assert (await asyncio.to_thread(run, "--claude", "--model", "nope")).exit_code == 2
        assert (await asyncio.to_thread(run, "--claude", key="")).exit_code == 2
