import errno
import os
from pathlib import Path
import stat

import pytest

from custom_components.camhub.kernel.errors import Unreachable, WrongKey
from custom_components.camhub.kernel.keys import Keys, begin_change, finish_change, forget_keys, load_key, load_keys

KEY = bytes(range(32))
OTHER = bytes(range(1, 33))


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


def test_the_environment_may_name_the_old_key_too(tmp_path: Path) -> None:
    both = {"CAMHUB_ENCRYPTION_KEY": KEY.hex(), "CAMHUB_ENCRYPTION_KEY_OLD": OTHER.hex()}
    assert load_keys(both, tmp_path / "key", create=True) == Keys(current=KEY, older=(OTHER,))
    # As Docker Compose hands in a variable that is not set.
    assert load_keys(both | {"CAMHUB_ENCRYPTION_KEY_OLD": ""}, tmp_path / "key", create=True) == Keys(current=KEY)
    with pytest.raises(WrongKey) as caught:
        load_keys(both | {"CAMHUB_ENCRYPTION_KEY_OLD": "short"}, tmp_path / "key", create=True)
    assert caught.value.reason == "key_malformed"


def test_without_the_variable_an_old_key_in_the_environment_counts_for_nothing(tmp_path: Path) -> None:
    file = tmp_path / "key"
    key = load_key({}, file, create=True)
    assert load_keys({"CAMHUB_ENCRYPTION_KEY_OLD": OTHER.hex()}, file, create=False) == Keys(current=key)


def test_a_new_key_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "key"
    load_key({}, file, create=True)
    (tmp_path / "key.next").mkdir()
    with pytest.raises(WrongKey) as caught:
        load_keys({}, file, create=False)
    assert caught.value.reason == "key_unreadable"
    with pytest.raises(Unreachable) as unreachable:
        begin_change(file)
    assert unreachable.value.reason == "not_stored"


def test_a_full_disk_leaves_the_key_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    file = tmp_path / "key"
    key = load_key({}, file, create=True)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(Unreachable):
            begin_change(file)
    assert load_keys({}, file, create=False) == Keys(current=key)
    begun = begin_change(file)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unreachable) as caught:
        finish_change(file)
    assert caught.value.reason == "not_stored"
    assert load_keys({}, file, create=False).current == begun.current


def test_a_key_file_of_a_newer_version_is_refused_and_left(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"camhub-key-2 {'ab' * 32}\n")
    file.chmod(0o600)
    with pytest.raises(WrongKey) as caught:
        load_keys({}, file, create=True)
    assert caught.value.reason == "key_malformed"
    assert file.read_text() == f"camhub-key-2 {'ab' * 32}\n"


def test_keys_that_nothing_needs_any_more_are_deleted(tmp_path: Path) -> None:
    file = tmp_path / "camhub" / "key"
    forget_keys(file)
    load_keys({}, file, create=True)
    begin_change(file)
    forget_keys(file)
    assert list(file.parent.iterdir()) == []


def test_a_key_that_cannot_be_deleted_is_told(tmp_path: Path) -> None:
    (tmp_path / "key").mkdir()
    with pytest.raises(Unreachable) as caught:
        forget_keys(tmp_path / "key")
    assert caught.value.reason == "not_stored"
