"""The Docker client against a real engine, with an image made from this machine's own shell."""

from __future__ import annotations

import asyncio
import io
import re
import secrets
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from core.clients.docker import DockerClient
from core.clients.logs import ContainerLog
from core.clock import SystemClock
from core.errors import NotFound

pytestmark = pytest.mark.docker


def docker(*words, stdin=None):
    found = subprocess.run(
        ["docker", *words], input=stdin, capture_output=True, check=True, timeout=60
    )
    return found.stdout.decode().strip()


def shell_image():
    """A tar with sh, sleep and the libraries that they are linked to."""
    files = set()
    for name in ("sh", "sleep"):
        path = Path(shutil.which(name)).resolve()
        linked = subprocess.run(["ldd", path], capture_output=True, check=True).stdout.decode()
        files |= {(f"/bin/{name}", path)}
        files |= {(one, Path(one).resolve()) for one in re.findall(r"(/\S+) \(0x", linked)}
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for inside, path in sorted(files):
            tar.add(path, arcname=inside.lstrip("/"))
    return raw.getvalue()


@pytest.fixture
def image():
    name = f"tocsin-test-{secrets.token_hex(4)}"
    docker("import", "-", name, stdin=shell_image())
    yield name
    docker("rmi", "-f", name)


@pytest.fixture
def container(image):
    line = "[2026/11/21 09:33:16.113 +00:00] [WARN] [a.rs:1] [hello] [k=v]"
    name = f"{image}-1"
    label = f"com.docker.compose.service={image}"
    docker(
        *("run", "-d", "--name", name, "--network", "none", "--label", label, image),
        *("/bin/sh", "-c", f"echo '{line}'; exec /bin/sleep 300"),
    )
    yield name
    docker("rm", "-f", name)


async def first_of(events, name, many):
    """The first events of this container; others may run on the same engine."""
    found = []
    while len(found) < many:
        one = await anext(events)
        if one.name == name:
            found.append(one)
    return found


async def test_a_real_engine_tells_of_a_container_that_is_paused_and_killed(container, image):
    client = DockerClient(SystemClock())
    try:
        assert await client.ping()
        found = await client.container(container)
        assert (found.status, found.running, found.exit_code) == ("running", True, None)
        assert found.goes_by(image)
        assert found.started_at
        assert not found.finished_at
        listed = await client.containers(label=f"com.docker.compose.service={image}")
        assert [one.name for one in listed] == [container]
        lines = (await ContainerLog(client, container).tail(5)).lines
        assert [one.message for one in lines] == ["hello"]

        # From a time on, so that nothing is missed before the stream stands.
        events = client.events(since=SystemClock().now().timestamp())
        for verb in ("pause", "unpause", "kill"):
            await asyncio.to_thread(docker, verb, container)
        seen = await asyncio.wait_for(first_of(events, container, 4), 20)
        assert [one.action for one in seen] == ["pause", "unpause", "kill", "die"]
        assert (seen[2].signal, seen[3].exit_code) == ("9", 137)
        await events.aclose()

        found = await client.container(container)
        assert (found.status, found.exit_code, found.oom_killed) == ("exited", 137, False)
        assert found.finished_at >= found.started_at
        with pytest.raises(NotFound):
            await client.container("no-such-container-at-all")
    finally:
        await client.close()
