"""Is the configuration right, and does everything in it answer?"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.bot.cli.driving import Bench, Surroundings

TOKENS = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1"}
GOOD = """
[[routes]]
channel = "alerts"
[[subjects]]
name = "prod"
kind = "tikv"
pd = ["pd:2379"]
"""


def check(at: Bench, text: str, code: int, *args: str, **env: str) -> str:
    path = at.folder / "t.toml"
    path.write_text(text)
    result = at.run("check-config", "-c", str(path), *args, **{**TOKENS, **env})
    assert "Traceback" not in result.output
    assert result.exit_code == code, (result.output, result.exception)
    return " ".join(result.output.split())


def test_a_right_configuration_is_well_without_asking_anybody(empty: Bench) -> None:
    assert "All is well." in check(empty, GOOD, 0)
    assert not empty.db.exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("[diagnosis]\nclaude = true", "$ANTHROPIC_API_KEY is not set: rules alone"),
        ("diagnosis = {claude = true}", "[diagnosis] has no claude = true"),
        ("[diagnosis]\nmodel = 'gpt'", "There is no price for the model 'gpt'"),
        ("[diagnosis]\nmax_turns = 0", "'diagnosis.max_turns'"),
        ("[diagnosis]\nmax_seconds = 0", "'diagnosis.max_seconds'"),
        ("[diagnosis.prices.x]\ninput = 1", "'diagnosis.prices.x.output' is missing"),
    ],
)
def test_what_is_wrong_with_asking_claude_is_said(empty: Bench, change: str, said: str) -> None:
    assert said in check(empty, f"{GOOD}\n{change}", 2)


def test_claude_that_is_allowed_everywhere_is_well(empty: Bench) -> None:
    text = f"{GOOD}\ndiagnosis = {{claude = true}}\n[diagnosis]\nclaude = true"
    assert "All is well." in check(empty, text, 0, ANTHROPIC_API_KEY="sk-ant-x")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("[subjects.chaos]\nenabled = true", "names no driver"),
        ("[subjects.chaos]\nenbled = true", "did you mean 'enabled'?"),
        ("[chaos]\nfiles = ['nowhere.toml']", "There is no file of experiments nowhere.toml"),
        ("[chaos]\nmax_targets = 0", "'chaos.max_targets'"),
        (
            "[[experiments]]\nname = 'a'\ntitle = 'A'\nfault = 'kil'\nselector = 'store'",
            "did you mean 'kill'?",
        ),
    ],
)
def test_what_is_wrong_with_experiments_is_said(empty: Bench, change: str, said: str) -> None:
    assert said in check(empty, f"{GOOD}\n{change}", 2)


def test_the_example_is_a_right_configuration(empty: Bench) -> None:
    result = empty.run("check-config", "-c", "tocsin.example.toml", **TOKENS)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("databse = 'x'", "unknown key 'databse' (did you mean 'database'?)"),
        ("[slak]", "unknown key 'slak' (did you mean 'slack'?)"),
        ("[slack]\nbase_ulr = 'x'", "unknown key 'slack.base_ulr' (did you mean 'base_url'?)"),
        ("[slack]\nmode = 'carrier pigeon'", "'slack.mode': input should be 'socket' or 'http'"),
        ("[slack]\nsettle = 'soon'", "'slack.settle': \"soon\" is not a duration. Write it like"),
        ("[slack]\ntimeout = 0", "'slack.timeout': input should be greater than 0"),
        ("[heartbeat]\nevery = -5", "'heartbeat.every': -5 is not a number of seconds"),
        ("[retention]\ntickets = inf", "'retention.tickets': inf is not a number of seconds"),
        ("[roles]\nadmin = ['@alice']", "roles.admin: '@alice' is not the id of a Slack user"),
        ("[http]\nport = 99999", "'http.port': input should be less than or equal to 65535"),
        ("[[routes]]\nmention = 'U1'", "'routes[2].channel' is missing"),
        ("[[routes]]\nchannel = 'a'\nseverities = ['fatal']", "routes[2].severities[1]"),
        ("[[subjects]]\nname = 'prod'\nkind = 'tikv'", "two subjects are called 'prod'"),
        ("[[subjects]]\nname = 'tocsin'\nkind = 'tikv'", "a subject cannot be called 'tocsin'"),
        ("[[subjects]]\nname = 'a b'\nkind = 'tikv'", "subjects[2].name"),
        ("[[subjects]]\nname = 'x'\nkind = 'redis'", "unknown kind 'redis'; there is etcd, tikv"),
        ("[[subjects]]\nname = 'x'\nkind = 'tikv'", "'pd' is missing"),
        (
            "[[subjects]]\nname = 'x'\nkind = 'tikv'\npd = ['a']\npromethus = 'b'",
            "unknown key 'promethus' (did you mean 'prometheus'?)",
        ),
        (
            "[[subjects]]\nname = 'x'\nkind = 'tikv'\npd = ['a']\nperiods = {probe = 'often'}",
            '"often" is not a duration',
        ),
        (
            "[[subjects]]\nname = 'x'\nkind = 'tikv'\npd = ['a']\n[subjects.invariants.hi_latency]\nhold = '1s'",
            "high_latency",
        ),
        ("[links]\ngrafana = 'https://g/{host}'", "links"),
        ("[slack]\nbot_token_file = '/no/such/file'", "slack.bot_token_file"),
        ("this is not toml", "is not valid TOML"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(empty: Bench, change: str, said: str) -> None:
    text = f"{change}\n{GOOD}" if change.startswith("databse") else f"{GOOD}\n{change}"
    env = {"SLACK_BOT_TOKEN": ""} if "bot_token_file" in change else {}
    assert said in check(empty, text, 2, **env)


def test_a_file_that_cannot_be_read_is_said(empty: Bench) -> None:
    folder = empty.folder / "folder.toml"
    folder.mkdir()
    assert "cannot be read" in empty.refused(2, "check-config", "-c", str(folder))
    assert "There is no configuration file" in empty.refused(2, "check-config", "-c", "/no/f.toml")
    binary = empty.folder / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    assert "cannot be read" in empty.refused(2, "check-config", "-c", str(binary))


@pytest.mark.parametrize(
    ("text", "env", "said"),
    [
        (GOOD.replace('[[routes]]\nchannel = "alerts"', ""), {}, "add [[routes]]"),
        (GOOD[: GOOD.index("[[subjects]]")], {}, "there is nothing to watch"),
        (GOOD, {"SLACK_BOT_TOKEN": ""}, "The bot token is missing: set SLACK_BOT_TOKEN"),
        (GOOD, {"SLACK_BOT_TOKEN": "xapp-1"}, "SLACK_BOT_TOKEN is not a bot token"),
        (GOOD, {"SLACK_APP_TOKEN": ""}, "set SLACK_APP_TOKEN"),
        (GOOD + "[slack]\nmode = 'http'", {}, "set SLACK_SIGNING_SECRET"),
    ],
)
def test_what_is_missing_is_told(empty: Bench, text: str, env: dict[str, str], said: str) -> None:
    assert said in check(empty, text, 2, **env)


def test_a_token_may_stand_in_a_file_and_never_in_the_toml(empty: Bench) -> None:
    (empty.folder / "bot").write_text("xoxb-from-a-file\n")
    slack = f"{GOOD}[slack]\nbot_token_file = '{empty.folder}/bot'"
    assert "All is well." in check(empty, slack, 0, SLACK_BOT_TOKEN="")
    said = check(empty, f"{GOOD}[slack]\nbot_token = 'xoxb-secret'", 2)
    assert "unknown key 'slack.bot_token'" in said
    assert "xoxb-secret" not in said


def test_the_findings_are_json_where_asked(empty: Bench) -> None:
    path = empty.folder / "t.toml"
    path.write_text(GOOD)
    found = json.loads(empty.good("check-config", "-c", str(path), "--json", **TOKENS))
    assert [list(one) for one in found] == [["part", "what", "ok", "found", "fix"]] * len(found)


async def live(around: Surroundings, **changed: str) -> tuple[int, dict[str, Any]]:
    path = around.config(**changed)
    result = await asyncio.to_thread(
        around.bench.run, "check-config", "--live", "-j", "-c", str(path), **around.tokens
    )
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, {one["what"]: one for one in json.loads(result.stdout)}


async def test_live_everything_that_answers_is_told(around: Surroundings) -> None:
    code, found = await live(around)
    assert code == 0, [one for one in found.values() if not one["ok"]]
    assert {
        "bot token", "scopes", "app token", "channel storage-alerts", "PD leader", "status ports",
        "nodes' /metrics", *(f"PD {url}" for url in around.world.pd.urls),
    } < set(found)  # fmt: skip
    assert not around.bench.db.exists()


async def test_live_every_failure_comes_with_its_fix(around: Surroundings) -> None:
    around.ws.state.scopes.discard("usergroups:read")
    around.ws.channel("storage-alerts").is_archived = True
    around.ws.channel("ops").members.remove(around.ws.state.bot_user_id)
    await around.world.kill_store(2)
    await around.world.pd.refuse(1)
    await around.world.prometheus.refuse()
    routes = "".join(
        f'[[routes]]\nchannel = "{one}"\n' for one in ("storage-alerts", "ops", "nowhere")
    )
    url = around.world.prometheus.url
    subject = (
        f'[[subjects]]\nname = "prod"\nkind = "tikv"\npd = {around.world.pd.urls!r}\n'
        f'prometheus = "{url}"'
    )
    code, found = await live(around, routes=routes, subjects=subject)
    assert code == 1
    failed = {what: one for what, one in found.items() if not one["ok"]}
    assert {
        "scope usergroups:read", "channel storage-alerts", "channel ops", "channel nowhere",
        "status ports", "Prometheus", f"PD {around.world.pd.urls[1]}",
    } < set(failed)  # fmt: skip
    assert all(one["fix"] for one in failed.values())
    assert found["bot token"]["ok"]


async def test_live_a_token_that_slack_refuses_is_said(around: Surroundings) -> None:
    path = around.config()
    env = {**around.tokens, "SLACK_APP_TOKEN": "xapp-wrong", "SLACK_BOT_TOKEN": "xoxb-wrong"}
    result = await asyncio.to_thread(
        around.bench.run, "check-config", "--live", "-c", str(path), **env
    )
    assert result.exit_code == 1
    assert "is not one of Slack's tokens" in " ".join(result.output.split())
    assert "checks failed" in result.output
