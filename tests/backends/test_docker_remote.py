"""An engine at the other end of TCP, in the clear and with certificates on both sides."""

import datetime
import ipaddress
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from docker.tls import TLSConfig

from jeroboam.backends.docker import Deadlines, DockerBackend
from jeroboam.backends.errors import Temporary, WrongState
from jeroboam.cli.engine_tls import engine_tls
from jeroboam.cli.errors import Refused
from jeroboam.settings import Engine as Settings
from tests.backends.houses import Bench
from tests.backends.proxies import Proxy, tcp_listener
from tests.engine import Engine

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Paths of a certificate that signs itself, for 127.0.0.1 and for clients alike, and of its key."""
    folder: Path = tmp_path_factory.mktemp("certificate")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    loopback = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(loopback, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(built.public_bytes(serialization.Encoding.PEM))
    formats = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(*formats))
    return str(folder / "cert.pem"), str(folder / "key.pem")


def _secured(listener: socket.socket, certificate: tuple[str, str]) -> ssl.SSLSocket:
    """Takes clients with that certificate only."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificate[0])
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(*certificate)
    return context.wrap_socket(listener, server_side=True)


@pytest.fixture(params=["tcp", "tls"])
def remote(
    request: pytest.FixtureRequest, engine: Engine, installation: str, certificate: tuple[str, str]
) -> Iterator[DockerBackend]:
    """A backend that reaches the engine through TCP."""
    tls = None
    listener = tcp_listener()
    if request.param == "tls":
        listener = _secured(listener, certificate)
        cert, key = (Path(file) for file in certificate)
        tls = engine_tls(Settings(tls_ca=cert, tls_cert=cert, tls_key=key))
    proxy = Proxy(engine.url, listener)
    backend = DockerBackend("remote", proxy.url, installation, tls=tls)
    yield backend
    backend.close()
    proxy.close()


def test_a_remote_engine_is_used_like_a_near_one(engine_bench: Bench, remote: DockerBackend) -> None:
    definition = engine_bench.definition("cat", stdin=True)
    remote.create(definition)
    remote.start(definition.name)
    assert remote.exec_run(definition.name, ("echo", "hello"), 10).output == b"hello\n"
    stream = remote.attach(definition.name)
    for line in (b"one\n", b"two\n", b"x" * 100_000 + b"\n"):
        stream.send(line)
        got = b""
        while len(got) < len(line):
            got += stream.recv(65536)
        assert got == line
    stream.close()
    remote.stop(definition.name, 0)
    with pytest.raises(WrongState):
        remote.exec_run(definition.name, ("true",), 10)


def test_an_engine_with_the_wrong_certificate_is_not_talked_to(engine: Engine, certificate: tuple[str, str]) -> None:
    proxy = Proxy(engine.url, _secured(tcp_listener(), certificate))
    tls = TLSConfig(client_cert=certificate, verify=True)
    backend = DockerBackend("remote", proxy.url, "x", tls=tls, deadlines=Deadlines(ping=2, call=2))
    with pytest.raises(Temporary, match="is not reachable"):
        backend.ping()
    backend.close()
    proxy.close()


def test_certificates_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=f"see that these files are there: {tmp_path}/ca.pem"):
        engine_tls(Settings(tls_ca=tmp_path / "ca.pem"))
