"""A twin that demands client certificates of a private CA: ours is replaced while we watch."""

from __future__ import annotations

import datetime
import ipaddress
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from core.subjects.access import TlsPaths
from tests.live.watching import Watcher, fast, holds, running, watching

pytestmark = pytest.mark.timeout(240)

HOUR_S = 3600.0
BLIND = holds(observer_blind={"hold_s": 1.5, "recover_s": 0.5})


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@dataclass(frozen=True)
class Authority:
    """A private CA; `issue` writes a certificate and its key, `write` its own certificate."""

    name: str
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def fresh(cls, name: str) -> Authority:
        return cls(name, ec.generate_private_key(ec.SECP256R1()))

    def _signed(
        self, subject: str, key: ec.EllipticCurvePublicKey, lives_s: float, authority: bool
    ) -> bytes:
        now = datetime.datetime.now(datetime.UTC)
        begins = now - datetime.timedelta(hours=2)
        built = (
            x509.CertificateBuilder()
            .subject_name(_name(subject))
            .issuer_name(_name(self.name))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(now + datetime.timedelta(seconds=lives_s))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if not authority:
            here = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
            built = built.add_extension(x509.SubjectAlternativeName(here), critical=False)
        signed = built.sign(self.key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM)

    def write(self, path: Path, lives_s: float = HOUR_S) -> Path:
        path.write_bytes(self._signed(self.name, self.key.public_key(), lives_s, True))
        return path

    def issue(self, folder: Path, name: str, lives_s: float = HOUR_S) -> tuple[Path, Path]:
        """The certificate and the key, each put in place at once, as good tools do."""
        folder.mkdir(exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        made = {
            folder / f"{name}.pem": self._signed(name, key.public_key(), lives_s, False),
            folder / f"{name}.key": private,
        }
        for path, data in made.items():
            fresh = path.with_suffix(".new")
            fresh.write_bytes(data)
            fresh.replace(path)
        cert, secret = made
        return cert, secret


def _paths(ca: Path, pair: tuple[Path, Path]) -> TlsPaths:
    return TlsPaths(str(ca), str(pair[0]), str(pair[1]))


async def _new_connections(watcher: Watcher) -> None:
    """Every process of the twin is replaced, one after the other: each has to be met anew."""
    twin = watcher.twin
    for name in (*(one.name for one in twin.spec.pds), "store-1"):
        twin.kill(name)
        twin.start(name)
        await twin.healthy()


async def test_a_certificate_is_replaced_under_a_running_watcher(tmp_path: Path) -> None:
    """The first one is only good for seconds; one that is not replaced goes blind, and says why."""
    authority = Authority.fresh("private ca")
    ca = authority.write(tmp_path / "ca.pem")
    pems = (ca, *authority.issue(tmp_path / "twin-tls", "twin"))
    lives_s = 8.0
    ours = authority.issue(tmp_path / "ours", "tocsin", lives_s)
    expires = time.monotonic() + lives_s
    left = authority.issue(tmp_path / "left", "tocsin", lives_s)
    async with (
        running(tmp_path, pds=1, stores=3, regions=9, tls=pems) as twin,
        watching(tmp_path, twin, fast(twin, tls=_paths(ca, ours), invariants=BLIND)) as watcher,
        watching(
            tmp_path, twin, fast(twin, tls=_paths(ca, left), invariants=BLIND), "forgotten"
        ) as forgotten,
    ):
        await watcher.quiet()
        await forgotten.quiet()
        assert await watcher.tickets() == []
        assert watcher.subject.last is not None
        assert len(watcher.subject.last.metrics.disk_used) == 3
        assert authority.issue(tmp_path / "ours", "tocsin") == ours
        await watcher.holds(lambda: time.monotonic() > expires + 1, "the first one is over")
        await _new_connections(watcher)
        await watcher.quiet()
        blind = await forgotten.opens("observer_blind", "pd")
        assert "certificate" in blind.summary
        print(f"  {blind.title}: {blind.summary}")


async def test_a_wrong_ca_is_said_plainly_and_blames_no_store(tmp_path: Path) -> None:
    authority, other = Authority.fresh("private ca"), Authority.fresh("another ca")
    ca = authority.write(tmp_path / "ca.pem")
    pems = (ca, *authority.issue(tmp_path / "twin-tls", "twin"))
    pair = authority.issue(tmp_path / "ours", "tocsin")
    wrong = other.write(tmp_path / "wrong.pem")
    old = authority.write(tmp_path / "old.pem", lives_s=-60.0)
    async with (
        running(tmp_path, pds=1, stores=2, regions=6, tls=pems) as twin,
        watching(
            tmp_path, twin, fast(twin, tls=_paths(wrong, pair), invariants=BLIND), "wrong"
        ) as misled,
        watching(
            tmp_path, twin, fast(twin, tls=_paths(old, pair), invariants=BLIND), "old"
        ) as dated,
    ):
        for watcher, said in ((misled, "certificate verify failed"), (dated, "has expired")):
            blind = await watcher.opens("observer_blind", "pd")
            assert said in blind.summary
            print(f"  {blind.title}: {blind.summary}")
            await watcher.passes(1.0)
            assert await watcher.ever() == {("observer_blind", "pd")}
