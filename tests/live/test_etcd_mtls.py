"""A real etcd that demands client certificates of a private CA."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.subjects.access import TlsPaths
from core.subjects.etcd.build import etcd
from core.subjects.etcd.settings import EtcdSettings, Periods
from core.twin.plan import free_ports
from tests.live.test_etcd import HOLDS, answers
from tests.live.test_twin_mtls import Authority
from tests.live.watching import monitored

pytestmark = [pytest.mark.etcd, pytest.mark.timeout(120)]


@contextmanager
def member(folder: Path, ca: Path, cert: Path, key: Path) -> Iterator[str]:
    """A cluster of one, as a process; its client URL."""
    client, peer = (f"127.0.0.1:{port}" for port in free_ports(2, "127.0.0.1"))
    process = subprocess.Popen(
        [
            "etcd",
            "--name=alone",
            f"--data-dir={folder / 'data'}",
            f"--listen-client-urls=https://{client}",
            f"--advertise-client-urls=https://{client}",
            f"--listen-peer-urls=http://{peer}",
            f"--initial-advertise-peer-urls=http://{peer}",
            f"--initial-cluster=alone=http://{peer}",
            "--client-cert-auth",
            f"--trusted-ca-file={ca}",
            f"--cert-file={cert}",
            f"--key-file={key}",
            "--logger=zap",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield client
    finally:
        process.kill()
        process.wait()


async def test_with_the_right_certificate_all_is_seen_and_with_a_wrong_one_nothing_is_called_down(
    tmp_path: Path,
) -> None:
    ours, theirs = Authority.fresh("our CA"), Authority.fresh("another CA")
    ca = ours.write(tmp_path / "ca.pem")
    cert, key = ours.issue(tmp_path / "server", "server")
    with member(tmp_path, ca, cert, key) as address:
        for name, authority in (("right", ours), ("wrong", theirs)):
            shown = authority.issue(tmp_path / name, "client")
            settings = EtcdSettings(
                endpoints=(address,),
                tls=TlsPaths(str(ca), *(str(one) for one in shown)),
                periods=Periods(status_s=0.5, members_s=0.5, metrics_s=0.5),
                invariants=HOLDS | {"observer_blind": {"hold_s": 1.0}},
            )
            folder = tmp_path / f"db-{name}"
            folder.mkdir()
            async with monitored(
                folder, lambda clock, failed, s=settings: etcd("conf", s, clock, failed)
            ) as seen:
                if name == "right":
                    await seen.holds(
                        lambda: seen.subject.last is not None and seen.subject.last.figures,
                        "everything is seen",
                    )
                    assert await seen.quiet() >= 0
                    await answers(seen)
                else:
                    ticket = await seen.opens("observer_blind", "etcd")
                    assert "certificate" in ticket.summary
                    assert await seen.ever() <= {
                        ("observer_blind", "etcd"),
                        ("observer_blind", "metrics"),
                    }
                    assert not all(one.ok for one in await seen.subject.inner.check())
