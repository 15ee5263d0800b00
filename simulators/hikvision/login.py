"""The device's door: Digest with a table of nonces, Basic, and the lock after too many wrong passwords."""

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
import hashlib
import re
import secrets
import time
from typing import Final, Literal

from .markup import document

type Mode = Literal["digest", "digest-basic", "basic-digest", "combined", "basic", "open"]

_PARAMETER: Final = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]*))')
_HASHES: Final = {"": "md5", "MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}


class Verdict(StrEnum):
    """What became of a request at the door."""

    IN = "in"
    UNSIGNED = "unsigned"
    STALE = "stale"
    WRONG = "wrong"
    LOCKED = "locked"


@dataclass(slots=True)
class _Nonce:
    born: float
    counts: set[str] = field(default_factory=set)
    uses: int = 0


@dataclass(kw_only=True)
class Login:
    """Who may enter and how it is asked; every field may be changed while the device runs.

    `algorithms` are offered in order, "" for a challenge that names none; `qop` is None for RFC 2069. A nonce dies
    after `nonce_uses` requests or `nonce_seconds`. `next_nonce_at` announces a new one at that use of the old.
    `ordered` refuses a count that is not above the last, as strict devices do.
    """

    username: str
    password: str
    realm: str
    mode: Mode = "digest"
    algorithms: tuple[str, ...] = ("MD5",)
    qop: str | None = "auth"
    quoted: bool = True
    opaque: str | None = ""
    domain: str | None = "::"
    nonce_uses: int | None = None
    nonce_seconds: float | None = None
    next_nonce_at: int | None = None
    one_nonce: bool = False
    ordered: bool = False
    lock_after: int = 7
    lock_seconds: int = 1800
    html_refusal: bool = False
    monotonic: Callable[[], float] = time.monotonic
    failures: int = 0
    locked_until: float | None = None

    def __post_init__(self) -> None:
        """Start with an empty table."""
        self._nonces: dict[str, _Nonce] = {}
        self.announced: str | None = None

    def forget_nonces(self) -> None:
        """Drop all nonces, as a restart does."""
        self._nonces.clear()

    def judge(self, method: str, target: str, authorization: str | None) -> Verdict:
        """Decide about one request; `target` is the request line's path with its query."""
        self.announced = None
        if self.mode == "open":
            return Verdict.IN
        if self.locked_until is not None:
            if self.monotonic() < self.locked_until:
                return Verdict.LOCKED
            self.locked_until, self.failures = None, 0
        if authorization is None:
            return Verdict.UNSIGNED
        scheme, _, rest = authorization.partition(" ")
        verdict = self._basic(rest) if scheme == "Basic" else self._digest(method, target, rest)
        if verdict is Verdict.IN:
            self.failures = 0
        elif verdict is Verdict.WRONG:
            self.failures += 1
            if self.failures >= self.lock_after:
                self.locked_until = self.monotonic() + self.lock_seconds
                verdict = Verdict.LOCKED
        return verdict

    def challenges(self, verdict: Verdict) -> list[str]:
        """Return the `WWW-Authenticate` headers of a refusal."""
        basic = f'Basic realm="{self.realm}"'
        if self.mode == "basic":
            return [basic]
        digests = [self._challenge(algorithm, verdict) for algorithm in self.algorithms]
        match self.mode:
            case "digest-basic":
                return [*digests, basic]
            case "basic-digest":
                return [basic, *digests]
            case "combined":
                return [", ".join([basic, *digests])]
            case _:
                return digests

    def refusal(self, verdict: Verdict) -> tuple[str, str]:
        """Return the content type and body of a refusal."""
        if self.html_refusal:
            return "text/html", "<html><head><title>Document Error: Unauthorized</title></head></html>"
        told: dict[str, str | int | bool] = {"statusValue": 401, "statusString": "Unauthorized"}
        if verdict is Verdict.LOCKED and self.locked_until is not None:
            left = round(self.locked_until - self.monotonic())
            told |= {"isActivated": True, "lockStatus": "lock", "unlockTime": left, "retryLoginTime": 0}
        elif verdict is Verdict.WRONG:
            left = self.lock_after - self.failures
            told |= {"isActivated": True, "lockStatus": "unlock", "unlockTime": 0, "retryLoginTime": left}
        return "application/xml", document("userCheck", told)

    def _challenge(self, algorithm: str, verdict: Verdict) -> str:
        fields = [f'realm="{self.realm}"']
        if self.domain is not None:
            fields.append(f'domain="{self.domain}"')
        if self.qop is not None:
            fields.append(f'qop="{self.qop}"')
        fields.append(f'nonce="{self._new_nonce()}"')
        if self.opaque is not None:
            fields.append(f'opaque="{self.opaque}"')
        quote = '"' if self.quoted else ""
        if algorithm:
            fields.append(f"algorithm={quote}{algorithm}{quote}")
        fields.append(f"stale={quote}{'TRUE' if verdict is Verdict.STALE else 'FALSE'}{quote}")
        return "Digest " + ", ".join(fields)

    def _new_nonce(self) -> str:
        if self.one_nonce and self._nonces:
            return next(iter(self._nonces))
        nonce = f"{secrets.token_hex(16)}:{int(time.time() * 1000)}"
        self._nonces[nonce] = _Nonce(self.monotonic())
        return nonce

    def _basic(self, encoded: str) -> Verdict:
        if self.mode == "digest":
            return Verdict.WRONG
        try:
            given = b64decode(encoded, validate=True).decode()
        except NotBase64, UnicodeDecodeError:
            return Verdict.WRONG
        return Verdict.IN if given == f"{self.username}:{self.password}" else Verdict.WRONG

    def _digest(self, method: str, target: str, header: str) -> Verdict:
        given = {match[1]: match[3] if match[2] is None else match[2] for match in _PARAMETER.finditer(header)}
        if self.mode == "basic" or given.get("uri") != target or given.get("username") != self.username:
            return Verdict.WRONG
        if given.get("algorithm", "") not in self.algorithms or given.get("realm") != self.realm:
            return Verdict.WRONG
        if (self.opaque or None) != given.get("opaque") or (self.qop is None) != ("qop" not in given):
            return Verdict.WRONG
        known = self._nonces.get(given.get("nonce", ""))
        if known is None:
            return Verdict.STALE
        if given.get("response") != self._expected(method, given):
            return Verdict.WRONG
        return self._spend(given["nonce"], known, given.get("nc"))

    def _spend(self, nonce: str, known: _Nonce, count: str | None) -> Verdict:
        """Use a nonce once; a count seen before, or out of order where that matters, is as good as none."""
        aged = self.nonce_seconds is not None and self.monotonic() - known.born >= self.nonce_seconds
        spent = self.nonce_uses is not None and known.uses >= self.nonce_uses
        if aged or spent:
            del self._nonces[nonce]
            return Verdict.STALE
        if count is not None:
            if count in known.counts or (self.ordered and known.counts and count <= max(known.counts)):
                return Verdict.STALE
            known.counts.add(count)
        known.uses += 1
        if self.next_nonce_at is not None and known.uses >= self.next_nonce_at:
            self.announced = self._new_nonce()
        return Verdict.IN

    def _expected(self, method: str, given: dict[str, str]) -> str:
        algorithm = given.get("algorithm", "").upper()
        name = _HASHES[algorithm.removesuffix("-SESS")]

        def reckon(text: str) -> str:
            return hashlib.new(name, text.encode()).hexdigest()

        key = reckon(f"{self.username}:{self.realm}:{self.password}")
        if algorithm.endswith("-SESS"):
            key = reckon(f"{key}:{given['nonce']}:{given.get('cnonce', '')}")
        subject = reckon(f"{method}:{given['uri']}")
        if "qop" in given:
            counted = f"{given['nonce']}:{given.get('nc')}:{given.get('cnonce')}:{given['qop']}"
            return reckon(f"{key}:{counted}:{subject}")
        return reckon(f"{key}:{given['nonce']}:{subject}")
