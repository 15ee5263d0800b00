from base64 import b64decode, b64encode
from collections.abc import Callable
import shutil
import subprocess

import pytest

from custom_components.camhub.kernel.errors import WrongKey
from custom_components.camhub.kernel.vault import Vault

from . import aes_gcm

KEY = bytes(range(32))
OTHER = bytes(range(1, 33))
TEXTS = ["", "a", '{"password": "s3cret"}', "ünïcödé 鍵 🔑", "x" * 1000, "half a pair \ud800"]

NODE_SEAL = """
const [key, iv, text] = process.argv.slice(1).map((hex) => Buffer.from(hex, "hex"));
const cipher = require("node:crypto").createCipheriv("aes-256-gcm", key, iv);
const sealed = Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]);
process.stdout.write(sealed.toString("hex"));
"""
NODE_OPEN = """
const [key, iv, sealed] = process.argv.slice(1).map((hex) => Buffer.from(hex, "hex"));
const decipher = require("node:crypto").createDecipheriv("aes-256-gcm", key, iv);
decipher.setAuthTag(sealed.subarray(-16));
process.stdout.write(Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]).toString("hex"));
"""


def _node(script: str) -> Callable[[bytes, bytes, bytes], bytes]:
    def run(key: bytes, iv: bytes, data: bytes) -> bytes:
        command = ["node", "-e", script, "--", key.hex(), iv.hex(), data.hex()]
        return bytes.fromhex(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    return run


type Cipher = Callable[[bytes, bytes, bytes], bytes]

INDEPENDENTS: dict[str, tuple[Cipher, Cipher]] = {"python": (aes_gcm.seal, aes_gcm.open_)}
if shutil.which("node"):
    INDEPENDENTS["node"] = (_node(NODE_SEAL), _node(NODE_OPEN))


@pytest.fixture(params=INDEPENDENTS)
def independent(request: pytest.FixtureRequest) -> tuple[Cipher, Cipher]:
    return INDEPENDENTS[request.param]


def test_the_independent_one_meets_the_published_vector() -> None:
    # FIPS 197, appendix C.3.
    block = aes_gcm._encrypt(aes_gcm._expand(KEY), bytes.fromhex("00112233445566778899aabbccddeeff"))
    assert block.hex() == "8ea2b7ca516745bfeafc49904b496089"


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_sealed_opens(text: str) -> None:
    assert Vault(KEY).open(Vault(KEY).seal(text)) == text


@pytest.mark.parametrize("text", TEXTS)
def test_an_independent_implementation_opens_ours(independent: tuple[Cipher, Cipher], text: str) -> None:
    raw = b64decode(Vault(KEY).seal(text), validate=True)
    assert independent[1](KEY, raw[:16], raw[16:]) == text.encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("text", TEXTS)
def test_ours_opens_an_independent_ones(independent: tuple[Cipher, Cipher], text: str) -> None:
    iv = bytes(range(100, 116))
    sealed = iv + independent[0](KEY, iv, text.encode("utf-8", "surrogatepass"))
    assert Vault(KEY).open(b64encode(sealed).decode()) == text


def test_no_two_ivs_are_equal() -> None:
    vault = Vault(KEY)
    assert len({b64decode(vault.seal("same"))[:16] for _ in range(5000)}) == 5000


def test_one_changed_bit_anywhere_does_not_open() -> None:
    raw = b64decode(Vault(KEY).seal("text"))
    for index in range(len(raw)):
        changed = bytearray(raw)
        changed[index] ^= 1
        with pytest.raises(WrongKey) as caught:
            Vault(KEY).open(b64encode(changed).decode())
        assert caught.value.reason == "wrong_key"


def test_another_key_does_not_open_and_nothing_is_told() -> None:
    sealed = Vault(KEY).seal("s3cret")
    with pytest.raises(WrongKey) as caught:
        Vault(OTHER).open(sealed)
    assert caught.value.reason == "wrong_key"
    assert "s3cret" not in str(caught.value)
    assert sealed not in str(caught.value)


@pytest.mark.parametrize(
    ("sealed", "reason"),
    [
        ("", "sealed_cut"),
        (b64encode(bytes(31)).decode(), "sealed_cut"),
        (b64encode(bytes(32)).decode(), "wrong_key"),
        ("not base64!", "sealed_malformed"),
        ("AAAAA", "sealed_malformed"),
        ("schlüssel", "sealed_malformed"),
        (b64encode(bytes(16) + aes_gcm.seal(KEY, bytes(16), b"\xff\xfe")).decode(), "sealed_malformed"),
    ],
)
def test_what_is_no_sealed_value_says_so(sealed: str, reason: str) -> None:
    with pytest.raises(WrongKey) as caught:
        Vault(KEY).open(sealed)
    assert caught.value.reason == reason


@pytest.mark.parametrize("length", [0, 16, 24, 31, 33])
def test_a_key_has_32_bytes(length: int) -> None:
    with pytest.raises(WrongKey) as caught:
        Vault(bytes(length))
    assert caught.value.reason == "key_malformed"


def test_an_older_key_still_opens_and_the_new_one_takes_over() -> None:
    old = Vault(OTHER).seal("s3cret")
    vault = Vault(KEY, bytes(32), OTHER)
    assert vault.open(old) == "s3cret"
    new = vault.reseal(old)
    assert new is not None
    assert Vault(KEY).open(new) == "s3cret"
    assert vault.reseal(new) is None
    with pytest.raises(WrongKey):
        vault.reseal(Vault(bytes(range(2, 34))).seal("s3cret"))
    with pytest.raises(WrongKey) as caught:
        Vault(KEY, b"short")
    assert caught.value.reason == "key_malformed"
