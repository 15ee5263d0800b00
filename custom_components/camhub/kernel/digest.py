"""The arithmetic of HTTP Digest (RFC 7616, RFC 2069) and the reading of `WWW-Authenticate`; no I/O."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
import hashlib
import re
import secrets
from typing import Final

# Weakest first; a challenge's place here decides between several.
HASHES: Final[Mapping[str, str]] = {
    "MD5": "md5",
    "SHA": "sha1",
    "SHA-256": "sha256",
    "SHA-512-256": "sha512_256",
    "SHA-512": "sha512",
}

_SENT_BACK: Final = ("nonce", "realm", "opaque", "algorithm")
_LETTER: Final = r"[\w!#$%&'*+.^`|~-]"
# Whole and never tried in parts, so that a long header takes no longer than its length.
_NAME: Final = rf"(?<!{_LETTER}){_LETTER}++"
_PARAMETER: Final = re.compile(rf'({_NAME})\s*+=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]*))')
_PIECE: Final = re.compile(rf"{_PARAMETER.pattern}|({_NAME})(?=[\s,]|$)|[^\s,]+")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way of signing in that a server offers; names in lower case, values without quotes."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def realm(self) -> str:
        """Return the realm, empty where there is none."""
        return self.parameters.get("realm", "")

    @property
    def nonce(self) -> str:
        """Return the nonce, empty where there is none."""
        return self.parameters.get("nonce", "")

    @property
    def stale(self) -> bool:
        """Return whether the server says that only the nonce was at fault."""
        return self.parameters.get("stale", "").lower() == "true"

    @property
    def hash_name(self) -> str | None:
        """Return hashlib's name of the algorithm, None where it is unknown; MD5 where none is named."""
        return HASHES.get(_family(self.parameters.get("algorithm", "")))

    @property
    def strength(self) -> int:
        """Return a rank to compare by: 0 what cannot be answered, the stronger the higher."""
        qop = self.parameters.get("qop")
        # Text that is not printable came as bytes outside UTF-8 and cannot be sent back as it was.
        sent_back = "".join(self.parameters.get(name, "") for name in _SENT_BACK)
        if not self.nonce or not sent_back.isprintable() or (qop and "auth" not in _words(qop)):
            return 0
        family = _family(self.parameters.get("algorithm", ""))
        return list(HASHES).index(family) + 1 if family in HASHES else 0


def read_challenges(headers: Iterable[str]) -> Sequence[Challenge]:
    """Return all challenges of all `WWW-Authenticate` headers in their order; text that is none is passed over."""
    return [challenge for header in headers for challenge in _read_header(header)]


def strongest(challenges: Iterable[Challenge]) -> Challenge | None:
    """Return the Digest challenge with the strongest algorithm known here, None where there is none."""
    usable = [challenge for challenge in challenges if challenge.scheme == "digest" and challenge.strength]
    return max(usable, key=lambda challenge: challenge.strength, default=None)


def parameters(header: str) -> Mapping[str, str]:
    """Return the parameters of a header without a scheme, such as `Authentication-Info`; names in lower case."""
    return {match[1].lower(): _value(match) for match in _PARAMETER.finditer(header)}


class DigestSigner:
    """Signs requests with one nonce, counting its uses.

    The client's nonce is kept as long as the server's: the `-sess` algorithms then give the same key whether the
    server reckons it from the first request or from each.
    """

    def __init__(self, challenge: Challenge, username: str, password: str) -> None:
        """Reckon what is the same for all requests; the challenge has a `strength`."""
        self.challenge = challenge
        self._username = username
        self._password = password
        self._hash_name = challenge.hash_name or "md5"
        self._count = 0
        self._client_nonce = secrets.token_hex(8)
        key = self._hash(f"{username}:{challenge.realm}:{password}")
        self._by_session = challenge.parameters.get("algorithm", "").lower().endswith("-sess")
        if self._by_session:
            key = self._hash(f"{key}:{challenge.nonce}:{self._client_nonce}")
        self._key = key

    def renewed(self, nonce: str) -> DigestSigner:
        """Return a signer for the server's next nonce, all else being equal."""
        challenge = Challenge(self.challenge.scheme, {**self.challenge.parameters, "nonce": nonce})
        return DigestSigner(challenge, self._username, self._password)

    def authorization(self, method: str, target: str) -> str:
        """Return the `Authorization` header; `target` is the path with its query as it goes over the wire."""
        nonce = self.challenge.nonce
        subject = self._hash(f"{method.upper()}:{target}")
        fields = {"username": self._username, "realm": self.challenge.realm, "nonce": nonce, "uri": target}
        bare: dict[str, str] = {}
        if self.challenge.parameters.get("qop"):
            self._count += 1
            count = f"{self._count:08x}"
            middle = f"{nonce}:{count}:{self._client_nonce}:auth"
            bare = {"qop": "auth", "nc": count}
        else:
            middle = nonce
        if bare or self._by_session:
            fields["cnonce"] = self._client_nonce
        fields["response"] = self._hash(f"{self._key}:{middle}:{subject}")
        if opaque := self.challenge.parameters.get("opaque"):
            fields["opaque"] = opaque
        if algorithm := self.challenge.parameters.get("algorithm"):
            bare["algorithm"] = algorithm
        quoted = [f'{name}="{_escaped(value)}"' for name, value in fields.items()]
        return "Digest " + ", ".join([*quoted, *(f"{name}={value}" for name, value in bare.items())])

    def _hash(self, text: str) -> str:
        return hashlib.new(self._hash_name, text.encode(errors="replace"), usedforsecurity=False).hexdigest()


def _read_header(header: str) -> list[Challenge]:
    found: list[tuple[str, dict[str, str]]] = []
    for match in _PIECE.finditer(header):
        if match[4]:
            found.append((match[4].lower(), {}))
        elif match[1] and found:
            found[-1][1].setdefault(match[1].lower(), _value(match))
    return [Challenge(scheme, values) for scheme, values in found]


def _value(match: re.Match[str]) -> str:
    quoted, bare = match[2], match[3]
    return bare if quoted is None else re.sub(r'\\(["\\])', r"\1", quoted)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


def _family(algorithm: str) -> str:
    name = algorithm.strip().upper().removesuffix("-SESS") or "MD5"
    return re.sub(r"^SHA(?=\d)", "SHA-", name)


def _words(listed: str) -> set[str]:
    return {word.strip().lower() for word in listed.split(",")}
