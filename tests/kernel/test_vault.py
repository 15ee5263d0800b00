from base64 import b64decode, b64encode
from collections.abc import Callable
import errno
import os
from pathlib import Path
import shutil
import stat
import subprocess

import pytest

from custom_components.camhub.kernel.errors import WrongKey
from custom_components.camhub.kernel.vault import Vault, load_key

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


@pytest.mark.parametrize("digits", [KEY.hex(), KEY.hex().upper()])
def test_the_environment_has_the_first_word(tmp_path: Path, digits: str) -> None:
    assert load_key({"CAMHUB_ENCRYPTION_KEY": digits}, tmp_path / "key", create=True) == KEY
    assert not (tmp_path / "key").exists()


@pytest.mark.parametrize("bad", ["", "secret", KEY.hex()[1:], KEY.hex() + "0", KEY.hex() + "\n", "g" * 64, "٣" * 64])
def test_a_bad_variable_never_falls_back_to_the_file(tmp_path: Path, bad: str) -> None:
    file = tmp_path / "key"
    load_key({}, file, create=True)
    with pytest.raises(WrongKey) as caught:
        load_key({"CAMHUB_ENCRYPTION_KEY": bad}, file, create=True)
    assert caught.value.reason == "key_malformed"
    assert not bad or bad not in str(caught.value)


def test_a_file_is_made_once_for_us_alone(tmp_path: Path) -> None:
    file = tmp_path / "camhub" / "key"
    key = load_key({}, file, create=True)
    assert file.read_text() == key.hex() + "\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert load_key({}, file, create=True) == key
    assert load_key({}, file, create=False) == key
    assert load_key({}, tmp_path / "other", create=True) != key


def test_without_a_file_there_is_no_key(tmp_path: Path) -> None:
    with pytest.raises(WrongKey) as caught:
        load_key({}, tmp_path / "key", create=False)
    assert caught.value.reason == "key_missing"
    assert not (tmp_path / "key").exists()


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_key_typed_by_hand_is_read(tmp_path: Path, end: bytes) -> None:
    (tmp_path / "key").write_bytes(KEY.hex().encode() + end)
    assert load_key({}, tmp_path / "key", create=False) == KEY


@pytest.mark.parametrize(
    "content", [b"", b"\n", KEY, KEY.hex().encode() * 2, KEY.hex().encode() + b"\n\n", b"\xff" * 64]
)
def test_a_bad_file_is_an_error_and_stays_as_it_is(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(WrongKey) as caught:
        load_key({}, file, create=True)
    assert caught.value.reason == "key_malformed"
    assert file.read_bytes() == content


def test_a_file_others_may_read_is_mended(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY.hex())
    file.chmod(0o644)
    assert load_key({}, file, create=False) == KEY
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_file_that_cannot_be_mended_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, mode: int) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    file = tmp_path / "key"
    file.write_text(KEY.hex())
    file.chmod(0o644)
    monkeypatch.setattr(os, "fchmod", refuse)
    with pytest.raises(WrongKey) as caught:
        load_key({}, file, create=False)
    assert caught.value.reason == "key_exposed"


def test_a_folder_in_its_place_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WrongKey) as caught:
        load_key({}, tmp_path, create=True)
    assert caught.value.reason == "key_unreadable"


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WrongKey) as caught:
        load_key({}, tmp_path / "file" / "key", create=True)
    assert caught.value.reason == "key_unreadable"


def test_a_full_disk_leaves_no_half_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WrongKey) as caught:
        load_key({}, tmp_path / "key", create=True)
    assert caught.value.reason == "key_unreadable"
    assert not list(tmp_path.iterdir())


def test_of_two_who_make_a_key_at_once_one_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, make = tmp_path / "key", os.urandom

    def other_first(length: int) -> bytes:
        file.write_text(KEY.hex())
        return make(length)

    monkeypatch.setattr(os, "urandom", other_first)
    with pytest.raises(WrongKey) as caught:
        load_key({}, file, create=True)
    assert caught.value.reason == "key_unreadable"
    monkeypatch.undo()
    assert load_key({}, file, create=False) == KEY
