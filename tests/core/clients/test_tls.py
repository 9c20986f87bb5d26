"""mTLS with a private CA, and a certificate that is rotated under a running client."""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from core.clients.failures import Kind, SourceFailed
from core.clients.http import Http
from core.clients.probe import Prober
from core.clients.tls import Tls, TlsFiles
from core.clock import ManualClock, SystemClock
from core.errors import Invalid
from tests.stub_http import RESET, Response, StubServer

YEAR = datetime.timedelta(days=365)
EPOCH = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)


class Authority:
    def __init__(self, folder, name):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        basic = x509.BasicConstraints(ca=True, path_length=None)
        usage = x509.KeyUsage(
            key_cert_sign=True,
            crl_sign=True,
            digital_signature=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        self.cert = (
            self._builder(self.name, self.key)
            .add_extension(basic, critical=True)
            .add_extension(usage, critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False
            )
            .sign(self.key, hashes.SHA256())
        )
        self.path = str(folder / f"{name}.pem")
        write(self.path, self.cert.public_bytes(serialization.Encoding.PEM))

    def _builder(self, subject, key):
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(EPOCH)
            .not_valid_after(EPOCH + 30 * YEAR)
        )

    def issue(self, name, cert_path, key_path):
        """A certificate for 127.0.0.1, written over whatever is at these paths."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        cert = (
            self._builder(subject, key)
            .add_extension(x509.SubjectAlternativeName([address]), critical=False)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()),
                critical=False,
            )
            .sign(self.key, hashes.SHA256())
        )
        write(cert_path, cert.public_bytes(serialization.Encoding.PEM))
        private = serialization.PrivateFormat.PKCS8
        none = serialization.NoEncryption()
        write(key_path, key.private_bytes(serialization.Encoding.PEM, private, none))


def write(path, data):
    with open(path + ".new", "wb") as file:
        file.write(data)
    os.replace(path + ".new", path)


@pytest.fixture
def paths(tmp_path):
    return {one: str(tmp_path / f"{one}.pem") for one in ("cert", "key", "s-cert", "s-key")}


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path, "ca-1")


@pytest.fixture
async def server(authority, paths):
    authority.issue("pd", paths["s-cert"], paths["s-key"])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.path)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(paths["s-cert"], paths["s-key"])

    def who(request):
        return Response(200, b"ok", "text/plain")

    async with StubServer(who, tls=context) as one:
        yield one


def files(authority, paths):
    return TlsFiles(authority.path, paths["cert"], paths["key"])


async def test_a_client_with_a_certificate_of_the_private_authority_is_let_in(
    server, authority, paths
):
    authority.issue("bot", paths["cert"], paths["key"])
    http = Http(SystemClock(), tls=Tls(files(authority, paths)))
    assert (await http.get(server.url + "/x")).body == b"ok"
    await http.close()


async def test_the_probe_speaks_mutual_tls_too(server, authority, paths):
    authority.issue("bot", paths["cert"], paths["key"])
    prober = Prober(SystemClock(), tls=Tls(files(authority, paths)), timeout_s=2)
    assert (await prober.probe(server.url)).ok
    assert (await prober.probe(server.url)).ok
    await prober.close()


async def test_a_server_of_another_authority_is_a_tls_error_and_not_an_outage(
    server, tmp_path, paths
):
    other = Authority(tmp_path, "ca-2")
    other.issue("bot", paths["cert"], paths["key"])
    tls = Tls(files(other, paths))
    http, prober = Http(SystemClock(), tls=tls), Prober(SystemClock(), tls=tls, timeout_s=2)
    with pytest.raises(SourceFailed) as caught:
        await http.get(server.url + "/x")
    assert caught.value.kind is Kind.TLS_ERROR
    assert (await prober.probe(server.url)).kind is Kind.TLS_ERROR
    await http.close()
    await prober.close()


async def test_a_reset_where_a_certificate_was_shown_says_that_this_may_be_why(
    server, authority, paths
):
    """With TLS 1.3 the server refuses after the handshake, and its reset can outrun its alert."""
    authority.issue("bot", paths["cert"], paths["key"])
    http = Http(SystemClock(), tls=Tls(files(authority, paths)))
    server.answer = RESET
    with pytest.raises(SourceFailed, match="may not accept our certificate") as caught:
        await http.get(server.url + "/x")
    assert caught.value.kind is Kind.RESET
    await http.close()


async def test_a_rotated_certificate_is_used_without_a_restart(server, authority, paths):
    clock = ManualClock()
    authority.issue("bot", paths["cert"], paths["key"])
    tls = Tls(files(authority, paths))
    first = tls.context(clock.monotonic())
    authority.issue("bot-2", paths["cert"], paths["key"])
    assert tls.context(clock.monotonic()) is first  # looked at most once a second
    await clock.advance(1.5)
    second = tls.context(clock.monotonic())
    assert second is not first
    assert tls.context(clock.monotonic() + 5) is second


async def test_when_the_whole_authority_is_replaced_the_client_follows(
    server, authority, tmp_path, paths
):
    clock = ManualClock()
    authority.issue("bot", paths["cert"], paths["key"])
    http = Http(clock, tls=Tls(files(authority, paths)))
    assert (await http.get(server.url + "/x")).status == 200
    await server.stop()
    new = Authority(tmp_path, "ca-2")
    new.issue("pd", paths["s-cert"], paths["s-key"])
    server.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=new.path)
    server.tls.verify_mode = ssl.CERT_REQUIRED
    server.tls.load_cert_chain(paths["s-cert"], paths["s-key"])
    await server.start()
    with pytest.raises(SourceFailed) as caught:
        await http.get(server.url + "/x")
    assert caught.value.kind is Kind.TLS_ERROR
    os.replace(new.path, authority.path)
    new.issue("bot", paths["cert"], paths["key"])
    await clock.advance(1.5)
    assert (await http.get(server.url + "/x")).status == 200
    await http.close()


async def test_a_half_written_rotation_keeps_the_old_certificate_until_it_is_whole(
    server, authority, paths
):
    authority.issue("bot", paths["cert"], paths["key"])
    tls = Tls(files(authority, paths))
    first = tls.context(0.0)
    write(paths["cert"], b"-----BEGIN CERTIFICATE-----\nhalf")
    assert tls.context(2.0) is first
    assert paths["cert"] in tls.problem
    authority.issue("bot", paths["cert"], paths["key"])
    assert tls.context(4.0) is not first
    assert tls.problem == ""


def test_missing_files_are_named_at_the_start(authority, tmp_path):
    gone = str(tmp_path / "gone.pem")
    with pytest.raises(Invalid, match=r"gone\.pem"):
        Tls(TlsFiles(authority.path, gone, gone))
