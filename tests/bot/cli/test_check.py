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
        (
            "[diagnosis]\nclaude = true",
            "there is no key: set $ANTHROPIC_API_KEY or diagnosis.api_key_file",
        ),
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


@pytest.mark.parametrize(
    ("change", "what", "said"),
    [
        ("[slack]\nbase_url = 'nonsense'", "slack.base_url", "no http or https address"),
        ("[slack]\nproxy = 'socks5://x'", "slack.proxy", "no http or https address"),
        ("[slack]\nca_file = '/no/ca.pem'", "slack.ca_file", "/no/ca.pem cannot be read"),
        ("[heartbeat]\nurl = 'not a url'", "heartbeat.url", "no http or https address"),
        ("[slack]\nbase_url = 'http://'", "slack.base_url", "no http or https address"),
        ("[fallback]\nafter = '30s'", "fallback", "nothing is ever sent there"),
        ("[diagnosis]\nbase_url = 'x'", "diagnosis.base_url", "no http or https address"),
        ("prometheus = 'nonsense'", "subject 'prod': prometheus", "'nonsense' is no http"),
        ("prometheus = 'a b:9090'", "subject 'prod': prometheus", "'a b:9090' is no http"),
        ("docker = 'foo'", "subject 'prod': docker", "no address of a Docker engine"),
        ("docker = 'unix://foo'", "subject 'prod': docker", "no address of a Docker engine"),
        (
            "[subjects.chaos]\nenabled = true\ndrivers = ['docker']\ndocker = 'foo'",
            "subject 'prod': chaos.docker",
            "no address of a Docker engine",
        ),
        (
            "[[routes]]\nchannel = 'b'\nsubjects = ['prd']",
            "routes[2].subjects",
            "there is no subject 'prd'",
        ),
        (
            "[links.runbooks]\nstore_dwn = 'https://w/x'",
            "links.runbooks.store_dwn",
            "no such invariant",
        ),
    ],
)
def test_what_can_be_read_and_cannot_work_is_a_row_with_its_fix(
    empty: Bench, change: str, what: str, said: str
) -> None:
    path = empty.folder / "t.toml"
    path.write_text(f"{GOOD}\n{change}")
    result = empty.run("check-config", "-c", str(path), "--json", **TOKENS)
    assert result.exit_code == 2, result.output
    [row] = [one for one in json.loads(result.stdout) if not one["ok"]]
    assert (row["what"], said in row["found"], bool(row["fix"])) == (what, True, True), row


@pytest.mark.parametrize(
    "change",
    [
        "prometheus = 'prometheus:9090'",
        "prometheus = 'https://[::1]:9090/prefix'",
        "docker = 'tcp://10.0.0.1:2375'",
        "docker = 'unix:///var/run/docker.sock'",
        "[[routes]]\nchannel = 'b'\nsubjects = ['prod', 'tocsin']",
        "[links.runbooks]\nmember_down = 'https://w/x'\nslack_refused = 'https://w/y'",
        "[heartbeat]\nurl = 'https://hc-ping.com/1-2'",
    ],
)
def test_addresses_and_names_that_are_right_are_well(empty: Bench, change: str) -> None:
    assert "All is well." in check(empty, f"{GOOD}\n{change}", 0)


def test_a_fallback_with_its_key_is_well(empty: Bench) -> None:
    text = f"{GOOD}\n[fallback]\nafter = '30s'"
    assert "All is well." in check(empty, text, 0, PAGERDUTY_ROUTING_KEY="r")


def test_the_fix_names_what_was_meant(empty: Bench) -> None:
    text = f"{GOOD}\n[[routes]]\nchannel = 'b'\nsubjects = ['prd']\n[links.runbooks]\nstore_dwn = 'https://w/x'"
    said = check(empty, text, 2)
    assert "write 'prod'" in said
    assert "write 'store_down'" in said


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


async def test_live_the_ids_of_roles_and_mentions_are_looked_up(around: Surroundings) -> None:
    group = next(iter(around.ws.state.groups))
    ana, gus = around.called, around.ws.user("gus").id
    routes = (
        f'[[routes]]\nchannel = "storage-alerts"\nmention = "{ana}"\n'
        '[[routes]]\nchannel = "ops"\nmention = "S0123456789"\n'
        f'[roles]\nviewer = ["{gus}", "U404"]\nresponder = ["S0123456789", "{group}"]\n'
        f'admin = ["{ana}"]\n'
    )
    code, found = await live(around, routes=routes)
    assert code == 1
    told = {what: one["found"] for what, one in found.items() if what.startswith("user")}
    assert told == {
        "user U404 of roles.viewer": "Slack does not know it (user_not_found)",
        f"user {ana} of roles.admin, routes[1].mention": "is Ana Moreno",
        f"user {gus} of roles.viewer": "Guests cannot use Tocsin; ask a full member of this workspace.",
        "user group S0123456789 of roles.responder, routes[2].mention": (
            "Slack does not know it (no_such_subteam)"
        ),
        f"user group {group} of roles.responder": "has 2 members",
    }
    failed = [one for what, one in found.items() if what in told and not one["ok"]]
    assert len(failed) == 3
    assert all(one["fix"] for one in failed)


async def test_live_an_id_that_the_app_may_not_read_is_told_with_the_fix(
    around: Surroundings,
) -> None:
    around.ws.state.scopes.discard("usergroups:read")
    _, found = await live(around, roles='[roles]\nadmin = ["S0123456789"]')
    row = found["user group S0123456789 of roles.admin"]
    assert (row["ok"], row["found"]) == (False, "Slack refused to tell (missing_scope)")
    assert "install it again" in row["fix"]


async def test_live_a_group_that_pages_call_and_nobody_is_in_is_no_good(
    around: Surroundings,
) -> None:
    group = next(iter(around.ws.state.groups))
    around.ws.state.groups[group].members.clear()
    routes = f'[[routes]]\nchannel = "storage-alerts"\nmention = "{group}"'
    _, found = await live(around, routes=routes)
    row = found[f"user group {group} of routes[1].mention"]
    assert (row["ok"], row["found"]) == (False, "has no members: it calls nobody")


async def test_live_a_bad_ca_file_still_prints_the_table(around: Surroundings) -> None:
    slack = f'[slack]\nbase_url = "{around.server.api_url}"\nca_file = "/no/ca.pem"'
    code, found = await live(around, slack=slack)
    assert code == 2
    assert not found["slack.ca_file"]["ok"]
    assert found["PD leader"]["ok"]
