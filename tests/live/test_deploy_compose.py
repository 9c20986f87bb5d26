"""`tocsin deploy` on a real compose project: etcd from Debian's package.

The TiKV images of the shipped docker-compose.yml cannot be pulled in CI; what is tried here is
everything but them.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import parts
from tests.bot.cli.driving import ROOT, clean_environment
from tests.live.containers import docker
from tests.live.etcd_cluster import etcd_image

pytestmark = [pytest.mark.docker, pytest.mark.timeout(180)]

FILE = """
version: "2.4"
x-etcd: &etcd
  image: {image}
  networks: [net]
  stop_grace_period: 1s
  healthcheck:
    test: ["CMD", "/bin/etcdctl", "endpoint", "health"]
    interval: 1s
    timeout: 3s
    retries: 20
services:
{services}
  tocsin:
    image: no-such-image:here
    networks: [net]
  load:
    image: no-such-image:here
    profiles: [load]
networks:
  net: {{}}
volumes: {{e0: {{}}, e1: {{}}}}
"""
SERVICE = """
  etcd{n}:
    <<: *etcd
    volumes: [e{n}:/data]
    command: [--data-dir=/data/etcd, --listen-client-urls=http://0.0.0.0:2379,
      --advertise-client-urls=http://127.0.0.1:2379]
"""
NODES = 2


@dataclass
class Project:
    folder: Path
    name: str

    def tocsin(self, *words: str) -> tuple[int, str, str]:
        """The command in the project's folder: exit code and what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "bot", "deploy", *words],
            cwd=self.folder,
            env={**clean_environment(), "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def good(self, *words: str) -> str:
        code, out, err = self.tocsin(*words)
        assert code == 0, out + err
        return out

    def key(self, *words: str) -> str:
        return docker("exec", f"{self.name}_etcd0_1", "/bin/etcdctl", *words, check=False)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    parts.require("docker")
    parts.require("compose")
    parts.require("etcd")
    name = f"t{secrets.token_hex(3)}"
    folder = tmp_path / name
    folder.mkdir()
    with etcd_image() as image:
        services = "".join(SERVICE.format(n=n) for n in range(NODES))
        text = FILE.format(image=image, services=services)
        (folder / "docker-compose.yml").write_text(text)
        yield Project(folder, name)
        # A test may have left a file that compose cannot read.
        (folder / "docker-compose.yml").write_text(text)
        subprocess.run(
            ["docker-compose", "-p", name, "down", "--volumes"],
            cwd=folder,
            capture_output=True,
            check=True,
        )


def test_a_cluster_goes_up_shows_its_state_keeps_its_data_and_is_reset(project: Project) -> None:
    code, _, said = project.tocsin("status")
    assert (code, "Nothing of the project" in said) == (1, True)

    out = project.good("up", "--wait", "90")
    assert out.count("running, healthy") == NODES
    rows = json.loads(project.good("status", "--json"))
    # Neither the bot, which comes with --bot, nor what belongs to a profile.
    assert [(r["service"], r["well"]) for r in rows] == [(f"etcd{n}", True) for n in range(NODES)]

    assert "OK" in project.key("put", "kept", "yes")
    assert "etcd0" in project.good("logs", "etcd0", "--tail", "3")
    docker("pause", f"{project.name}_etcd1_1")
    code, out, _ = project.tocsin("status")
    assert (code, "paused" in out) == (1, True)
    docker("unpause", f"{project.name}_etcd1_1")

    assert "The data is kept" in project.good("down")
    project.good("up", "--wait", "90")
    assert "yes" in project.key("get", "kept")

    code, _, said = project.tocsin("reset")
    assert (code, "say --yes" in said) == (1, True)
    assert "yes" in project.key("get", "kept")
    project.good("reset", "--yes")
    project.good("up", "--wait", "90", "etcd0")
    assert "yes" not in project.key("get", "kept")


def test_what_does_not_become_well_is_named(project: Project) -> None:
    file = project.folder / "docker-compose.yml"
    file.write_text(file.read_text().replace("/bin/etcdctl", "/bin/no-such-program"))

    code, _, said = project.tocsin("up", "--wait", "3", "etcd0")

    assert code == 1
    assert "Not well within 3 s: etcd0 (running, starting)" in said


def test_what_cannot_be_is_told_in_one_line(project: Project) -> None:
    file = project.folder / "docker-compose.yml"
    code, _, said = project.tocsin("up", "etcd9")
    assert (code, "no such service: etcd9" in said.lower()) == (1, True)
    file.write_text("services: [")
    code, _, said = project.tocsin("status", "--file", "nowhere.yml")
    assert (code, "There is no nowhere.yml" in said) == (1, True)
    code, _, said = project.tocsin("up")
    assert (code, "cannot be read by compose" in said) == (1, True)
    assert "Traceback" not in said
