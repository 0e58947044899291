"""A scripted server under TLS, and a certificate for it."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.echo import echo
from tests.support.wire import Answerer, Wire


def write_certificate(path: Path) -> None:
    """Write a certificate for 127.0.0.1, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "library.test")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )


class SecureWire(Wire):
    """A wire under TLS; by default it echoes what is asked."""

    def __init__(self, certificate: Path, answerer: Answerer = echo) -> None:
        super().__init__(answerer=answerer)
        self.url = self.url.replace("http:", "https:")
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)
        self.refused = 0

    def _serve(self, connection: Any, number: int) -> None:
        try:
            secure = self.context.wrap_socket(connection, server_side=True)
        except OSError:
            with self._lock:
                self.refused += 1
                self._open.discard(connection)
            connection.close()
            return
        with self._lock:
            self._open.discard(connection)
            self._open.add(secure)
        super()._serve(secure, number)
