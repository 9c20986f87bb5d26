"""What is shipped for running it for real can at least be read by the tools that will read it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from core.chaos.experiment import CLOSE_S
from core.config import Environment, load
from tests import parts

ROOT = Path(__file__).parent.parent.parent


def run(*command: str | Path) -> str:
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_compose_cluster_is_valid_with_and_without_its_profiles() -> None:
    parts.require("compose")
    services = set(run("docker-compose", "config", "--services").split())
    assert {
        "pd0",
        "pd1",
        "pd2",
        "tikv0",
        "tikv1",
        "tikv2",
        "prometheus",
        "grafana",
        "tocsin",
    } <= services
    assert "tocsin-chaos" in run("docker-compose", "--profile", "chaos", "config", "--services")


def test_the_bot_of_the_compose_cluster_gets_no_docker_socket_outside_the_profile() -> None:
    parts.require("compose")
    whole = run("docker-compose", "config")
    services = re.split(r"^  (?=\S)", whole[whole.index("services:") :], flags=re.MULTILINE)
    with_socket = [one for one in services if "docker.sock" in one]
    assert [one.split(":")[0] for one in with_socket] == ["tocsin-chaos"]
    assert re.search(r"profiles:\s*- chaos", with_socket[0])


def test_the_alert_rules_and_the_scrape_configuration_are_valid() -> None:
    parts.require("prometheus")
    run("promtool", "check", "rules", "deploy/alerts.rules.yml")
    run("promtool", "check", "config", "--syntax-only", "deploy/compose/prometheus.yml")


def test_alert_rules_count_what_may_fall_as_what_it_is() -> None:
    from core.metrics import Metrics

    page = Metrics().page().decode()
    rules = (ROOT / "deploy" / "alerts.rules.yml").read_text()
    for function, kind in (("increase", "counter"), ("rate", "counter"), ("delta", "gauge")):
        for name in re.findall(rf"\b{function}\((tocsin_[a-z_]+)", rules):
            assert f"# TYPE {name.removesuffix('_total')}" in page
            assert re.search(rf"^# TYPE {name.removesuffix('_total')}(_total)? {kind}$", page, re.M)


def test_the_bot_has_time_to_heal_before_it_is_ended_wherever_it_runs() -> None:
    longest = CLOSE_S + 5  # and the rest of a clean end
    compose = (ROOT / "docker-compose.yml").read_text()
    bot = compose[compose.index("x-bot:") : compose.index("\nservices:")]
    for text, key in (
        (bot, r"stop_grace_period: (\d+)s"),
        ((ROOT / "deploy/kubernetes.yaml").read_text(), r"GracePeriodSeconds: (\d+)"),
        ((ROOT / "deploy/tocsin.service").read_text(), r"TimeoutStopSec=(\d+)"),
    ):
        found = re.search(key, text)
        assert found is not None, key
        assert int(found[1]) >= longest, key


def test_the_shipped_configurations_are_ones_that_the_program_takes() -> None:
    shipped = ("tocsin.example.toml", *(ROOT / "deploy" / "compose").glob("*.toml"))
    for file in shipped:
        assert load(ROOT / file, env=Environment()).file.subjects


def test_alert_rules_name_only_metrics_that_exist() -> None:
    from core.metrics import Metrics

    page = Metrics().page().decode()
    named = set(re.findall(r"\btocsin_[a-z_]+", (ROOT / "deploy" / "alerts.rules.yml").read_text()))
    assert {m for m in named if f"# TYPE {m}" not in page} == set()


def test_the_systemd_unit_is_one_that_systemd_takes() -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("needs systemd-analyze")
    done = subprocess.run(
        ["systemd-analyze", "verify", ROOT / "deploy" / "tocsin.service"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    # The program itself is not installed where tests run.
    complaints = [line for line in done.stderr.splitlines() if "is not executable" not in line]
    assert complaints == []
