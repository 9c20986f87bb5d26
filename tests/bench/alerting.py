"""Prometheus with Alertmanager beside us on the same members: what they tell of the same faults.

`TUNED` is as fast as both can be made; `STOCK` is what TiUP ships for a member that is down (scrape
and evaluation 15 s, for 1 min, group_wait 30 s). Debian's packages; a webhook takes the alerts.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from core.twin.plan import free_ports


@dataclass(frozen=True)
class Pace:
    """How fast both are, as their configurations say it."""

    name: str
    scrape: str
    lasts: str
    group_wait: str
    group_interval: str


TUNED = Pace("tuned", "1s", "0s", "0s", "1s")
STOCK = Pace("stock", "15s", "1m", "30s", "3m")

RULES = """
groups:
  - name: members
    rules:
      - {{alert: MemberDown, expr: 'up == 0', for: {lasts}}}
"""
PROMETHEUS = """
global: {{scrape_interval: {scrape}, scrape_timeout: {timeout}, evaluation_interval: {scrape}}}
rule_files: [{folder}/rules.yml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{alertmanager}']}}]}}]}}
scrape_configs:
  - {{job_name: etcd, static_configs: [{{targets: [{targets}]}}]}}
"""
ALERTMANAGER = """
route:
  {{receiver: us, group_by: [instance], group_wait: {wait}, group_interval: {interval},
    repeat_interval: 4h}}
receivers: [{{name: us, webhook_configs: [{{url: 'http://{webhook}/', send_resolved: true}}]}}]
"""


@dataclass
class Alerting:
    """Both of one pace. `told` is (when, instance, firing or resolved), by the machine's clock."""

    pace: Pace
    told: list[tuple[float, str, str]] = field(default_factory=list)

    def after(self, began: float, instance: str) -> float | None:
        """Seconds until it told of that instance, or None."""
        found = [at for at, who, what in self.told if who == instance and what == "firing"]
        return next((at - began for at in found if at >= began), None)


@contextlib.contextmanager
def alerting(folder: Path, pace: Pace, targets: Sequence[str]) -> Iterator[Alerting]:
    """Both, on these targets; gone afterwards."""
    folder.mkdir()
    made = Alerting(pace)
    hook = _webhook(made)
    web, manager = (f"127.0.0.1:{port}" for port in free_ports(2, "127.0.0.1"))
    (folder / "rules.yml").write_text(RULES.format(lasts=pace.lasts))
    (folder / "prometheus.yml").write_text(
        PROMETHEUS.format(
            scrape=pace.scrape,
            timeout=min(pace.scrape, "10s", key=lambda one: int(one[:-1])),
            folder=folder,
            alertmanager=manager,
            targets=", ".join(f"'{one}'" for one in targets),
        )
    )
    (folder / "alertmanager.yml").write_text(
        ALERTMANAGER.format(
            wait=pace.group_wait,
            interval=pace.group_interval,
            webhook=f"127.0.0.1:{hook.server_port}",
        )
    )
    running = [
        _start(
            "prometheus-alertmanager",
            f"--config.file={folder}/alertmanager.yml",
            f"--storage.path={folder}/am",
            f"--web.listen-address={manager}",
            "--cluster.listen-address=",
        ),
        _start(
            "prometheus",
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/tsdb",
            f"--web.listen-address={web}",
        ),
    ]
    try:
        for address in (manager, web):
            _ready(f"http://{address}/-/ready")
        yield made
    finally:
        for one in running:
            one.kill()
            one.wait()
        hook.shutdown()
        hook.server_close()


def _start(program: str, *words: str) -> subprocess.Popen[bytes]:
    found = shutil.which(program) or program
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([found, *words, "--log.level=error"], **quiet)


def _ready(url: str) -> None:
    end = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            assert time.monotonic() < end, url
            time.sleep(0.1)


def _webhook(made: Alerting) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            at = time.time()
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            for one in body["alerts"]:
                made.told.append((at, one["labels"]["instance"], one["status"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing is said on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
