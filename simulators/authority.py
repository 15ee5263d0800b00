"""A certificate authority made when it is needed, so that simulators speak TLS under their real names."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
import ssl
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_SPAN: Final = timedelta(days=30)
_SIGNS: Final = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)
_PEM: Final = serialization.Encoding.PEM


class Authority:
    """Signs certificates for any name; whoever trusts `file` trusts them all. The same folder is the same authority."""

    def __init__(self, folder: Path) -> None:
        """Make the authority, or take up the one that is in the folder."""
        self._folder = folder
        self.file = folder / "authority.pem"
        self._key_file = folder / "authority.key"
        if not self.file.exists():
            self._make()
        key = serialization.load_pem_private_key(self._key_file.read_bytes(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError("another kind of key than was made")
        self._key = key
        self._certificate = x509.load_pem_x509_certificate(self.file.read_bytes())

    def server(self, *names: str, left: timedelta = _SPAN) -> ssl.SSLContext:
        """Return what a server needs to be known by these names, for as long as is left."""
        key, certificate = self.pair(*names, left=left)
        file = self._folder / f"{names[0].replace('*', '_')}.pem"
        file.touch(mode=0o600)
        file.write_bytes(certificate + key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def pair(self, *names: str, left: timedelta = _SPAN) -> tuple[bytes, bytes]:
        """Return a key and its certificate for these names, as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(names[0], key, self._certificate.subject, left)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
            .sign(self._key, hashes.SHA256())
        )
        return _private(key), certificate.public_bytes(_PEM)

    def client(self) -> ssl.SSLContext:
        """Return what a client needs to trust those servers, and nobody else."""
        return ssl.create_default_context(cafile=str(self.file))

    def _make(self) -> None:
        """Write a key and a certificate of our own."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CamHub simulators")])
        builder = (
            _builder("CamHub simulators", key, name)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_SIGNS, critical=True)
        )
        self._folder.mkdir(parents=True, exist_ok=True)
        self._key_file.touch(mode=0o600)
        self._key_file.write_bytes(_private(key))
        self.file.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(_PEM))


def _builder(
    common: str, key: ec.EllipticCurvePrivateKey, issuer: x509.Name, left: timedelta = _SPAN
) -> x509.CertificateBuilder:
    """Return a certificate about to be signed."""
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + left)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
