"""Real containers for tests: an image made from this machine's own programs, networks, and a proxy
in front of the engine that can be taken away (the engine itself is shared and stays)."""

from __future__ import annotations

import contextlib
import io
import re
import secrets
import shutil
import socket
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.chaos.undo_docker_engine import Engine
from core.chaos.undo_docker_host import group

SOCKET = "/var/run/docker.sock"
LABEL = "tocsin.chaos=allow"
PROGRAMS = ("sh", "sleep", "rm", "stat", "ls", "cat", "fallocate", "getent")


def docker(*words: str, stdin: bytes | None = None, check: bool = True) -> str:
    """What the command line says."""
    found = subprocess.run(["docker", *words], input=stdin, capture_output=True, timeout=90)
    assert not check or found.returncode == 0, (words, found.stderr.decode())
    return found.stdout.decode().strip()


def tree(*programs: str, extra: dict[str, bytes] | None = None) -> bytes:
    """A tar of programs of this machine, with the libraries that they are linked to."""
    files: dict[str, Path] = {}
    for name in programs:
        path = Path(shutil.which(name) or name).resolve()
        said = subprocess.run(["ldd", path], capture_output=True).stdout.decode()
        files[f"bin/{name.rpartition('/')[2]}"] = path
        for one in re.findall(r"(/\S+) \(0x", said):
            files[one.lstrip("/")] = Path(one).resolve()
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for inside, path in sorted(files.items()):
            tar.add(path, arcname=inside)
        for inside, body in (extra or {}).items():
            info = tarfile.TarInfo(inside)
            info.size, info.mode = len(body), 0o644
            tar.addfile(info, io.BytesIO(body))
    return raw.getvalue()


@contextlib.contextmanager
def image(raw: bytes, *changes: str) -> Iterator[str]:
    """An image of that tree, gone afterwards."""
    name = f"tocsin-test-{secrets.token_hex(4)}"
    words = [part for change in changes for part in ("--change", change)]
    docker("import", *words, "-", name, stdin=raw)
    try:
        yield name
    finally:
        docker("rmi", "-f", name, check=False)


def shell_image() -> contextlib.AbstractContextManager[str]:
    """An image that sleeps until it is told to end, and then ends: at once, or in two seconds where
    there is a file /slow."""
    script = b"trap '[ -e /slow ] && sleep 2; exit 0' TERM\nwhile :; do sleep 3600 & wait; done\n"
    return image(
        tree(*PROGRAMS, extra={"main.sh": script, "etc/nsswitch.conf": b"hosts: files dns\n"}),
        'CMD ["/bin/sh", "/main.sh"]',
    )


def inspect(name: str) -> dict[str, Any]:
    """A container, whole; asked directly, since the command line takes ten times as long."""
    found = Engine(f"unix://{SOCKET}").container(name)
    assert found is not None, f"there is no container {name}"
    return found


def in_network(name: str, *command: str) -> str:
    """What a program of this machine says inside the container's network."""
    pid = str(inspect(name)["State"]["Pid"])
    return subprocess.run(
        ["nsenter", "-t", pid, "-n", *command], capture_output=True, timeout=10
    ).stdout.decode()


def state(name: str) -> dict[str, Any]:
    """Everything of a container that an experiment could change, but for its process."""
    found = inspect(name)
    networks = {
        key: {
            "ip": one["IPAddress"],
            "mac": one["MacAddress"],
            "aliases": sorted(a for a in one["Aliases"] or () if a != found["Id"][:12]),
            "chosen": (one["IPAMConfig"], one["Links"], one["DriverOpts"]),
        }
        for key, one in found["NetworkSettings"]["Networks"].items()
    }
    pid = found["State"]["Pid"]
    limits = pid and {
        file.name: file.read_text()
        for controller in ("memory", "cpu")
        for pattern in ("*limit_in_bytes", "cpu.cfs_*", "memory.max", "cpu.max")
        for file in group(pid, controller).glob(pattern)
        if "kmem" not in file.name
    }
    data = Path(f"/proc/{pid}/root/data")
    files = sorted(one.name for one in data.iterdir()) if pid and data.exists() else []
    # A network that is connected anew is a new interface to the engine: eth2 after eth1.
    command = "iptables -S; tc qdisc show"
    wires = pid and re.sub(r"eth\d+", "eth", in_network(name, "sh", "-c", command))
    return {
        "status": found["State"]["Status"],
        "paused": found["State"]["Paused"],
        "networks": networks,
        "hosted": found["HostConfig"],
        "limits": limits,
        "files": files,
        "wires": wires,
    }


@dataclass
class Site:
    """Networks, volumes and containers under one name; all are gone at the end."""

    image: str
    project: str = field(default_factory=lambda: f"t{secrets.token_hex(3)}")
    made: list[tuple[str, str]] = field(default_factory=list)

    def network(self, name: str, subnet: str = "") -> str:
        whole = f"{self.project}_{name}"
        self.made.append(("network", whole))
        docker("network", "create", *(["--subnet", subnet] if subnet else []), whole)
        return whole

    def volume(self, name: str, *options: str) -> str:
        whole = f"{self.project}_{name}"
        self.made.append(("volume", whole))
        docker("volume", "create", *options, whole)
        return whole

    def run(self, service: str, *options: str, network: str = "none", opted: bool = True) -> str:
        """A container, as compose would start one."""
        name = f"{self.project}-{service}-1"
        labels = [
            f"com.docker.compose.project={self.project}",
            f"com.docker.compose.service={service}",
            *([LABEL] if opted else []),
        ]
        words = [part for one in labels for part in ("--label", one)]
        if network != "none":
            words += ["--network-alias", service]
        self.made.append(("container", name))
        docker("run", "-d", "--name", name, "--network", network, *words, *options, self.image)
        return name

    def clear(self) -> None:
        """Remove everything, containers first."""
        for kind in ("container", "network", "volume"):
            names = [name for one, name in self.made if one == kind]
            if names:
                forced = ["-f"] if kind != "network" else []
                docker(kind, "rm", *forced, *names, check=False)


@contextlib.contextmanager
def site(image_name: str) -> Iterator[Site]:
    """A place for one test's containers."""
    made = Site(image_name)
    try:
        yield made
    finally:
        made.clear()


class EngineProxy:
    """The engine at an address of its own, which can be taken away and given back.

    A request with `mute` in it is passed on, and its connection breaks before the answer.
    """

    def __init__(self, path: Path, engine: str = SOCKET) -> None:
        self.path, self._engine = path, engine
        self.mute = b""
        self._heard = bytearray()
        self._server: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()

    @property
    def address(self) -> str:
        return f"unix://{self.path}"

    def asked(self, path: bytes) -> bool:
        """Whether a request with this in it has passed."""
        return path in self._heard

    def start(self) -> None:
        self.path.unlink(missing_ok=True)
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(self.path))
        server.listen(64)
        self._server = server
        threading.Thread(target=self._accept, args=(server,), daemon=True).start()

    def stop(self) -> None:
        """As an engine that ends: the socket is gone, and every connection with it."""
        server, self._server = self._server, None
        if server is not None:
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            server.close()
        self.path.unlink(missing_ok=True)
        with self._guard:
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                near, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        far = socket.socket(socket.AF_UNIX)
        with near, far:
            try:
                far.connect(self._engine)
            except OSError:
                return
            with self._guard:
                self._open |= {near, far}
            back = threading.Thread(target=self._answers, args=(far, near), daemon=True)
            back.start()
            self._requests(near, far)
            back.join()
            with self._guard:
                self._open -= {near, far}

    def _requests(self, near: socket.socket, far: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while part := near.recv(65536):
                self._heard += part
                if self.mute and self.mute in part:
                    near.shutdown(socket.SHUT_RDWR)
                far.sendall(part)
        with contextlib.suppress(OSError):
            far.shutdown(socket.SHUT_WR)

    @staticmethod
    def _answers(far: socket.socket, near: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while part := far.recv(65536):
                near.sendall(part)
        with contextlib.suppress(OSError):
            near.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def proxy(folder: Path) -> Iterator[EngineProxy]:
    """A proxy in front of the engine."""
    made = EngineProxy(folder / "docker.sock")
    made.start()
    try:
        yield made
    finally:
        made.stop()
