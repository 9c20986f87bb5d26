"""Every port of a twin with certificates speaks HTTPS and demands a client certificate."""

from __future__ import annotations

import datetime
import ipaddress
import ssl

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(subject, issuer, key, signer, authority):
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if not authority:
        local = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
        builder = builder.add_extension(x509.SubjectAlternativeName(local), critical=False)
    return builder.sign(signer, hashes.SHA256())


def write(path, *things):
    data = b""
    for thing in things:
        if isinstance(thing, x509.Certificate):
            data += thing.public_bytes(serialization.Encoding.PEM)
        else:
            data += thing.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
    path.write_bytes(data)
    return path


@pytest.fixture
def pems(tmp_path):
    root, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = certificate("twin ca", "twin ca", root, root, True)
    cert = certificate("twin", "twin ca", leaf, root, False)
    return (
        write(tmp_path / "ca.pem", ca),
        write(tmp_path / "cert.pem", cert),
        write(tmp_path / "key.pem", leaf),
    )


async def test_with_certificates_every_port_speaks_mutual_tls(world, pems):
    twin = await world.up(speed=10, regions=6, pds=2, stores=2, tls=pems)
    ca, cert, key = pems
    ours = ssl.create_default_context(cafile=ca)
    ours.load_cert_chain(cert, key)
    for url, path in ((twin.pd_urls[0], "/pd/api/v1/stores"), (twin.url("store-1"), "/status")):
        assert url.startswith("https://127.0.0.1:")
        assert (await world.ask(url + path, ssl=ours))[0] == 200
        nameless = ssl.create_default_context(cafile=ca)
        with pytest.raises(aiohttp.ClientError):
            await world.ask(url + path, ssl=nameless)
        with pytest.raises(aiohttp.ClientError):
            await world.ask(url.replace("https", "http") + path)
    body = await world.get(f"{twin.pd_urls[0]}/pd/api/v1/members", ssl=ours)
    assert body["members"][0]["client_urls"][0].startswith("https://")
    leader = body["leader"]["name"]
    twin.kill(leader if leader == "pd-1" else "store-2")
    states = {one.name: one.state for one in await twin.status()}
    assert "stopped" in states.values()
