import errno
import os
from pathlib import Path
import stat

import pytest

from custom_components.camhub.kernel.errors import Malformed, Unreachable, WrongKey
from custom_components.camhub.kernel.records import Records


def test_a_record_is_kept_for_us_alone(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "records"
    records = Records(folder)
    assert records.read("a") is None
    records.forget("a")
    records.write("a", {"generation": 1, "word": "ü"})
    records.write("b", {"generation": 7})
    assert Records(folder).read("a") == {"generation": 1, "word": "ü"}
    assert stat.S_IMODE((folder / "a").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    records.forget("a")
    assert records.read("a") is None
    assert records.read("b") == {"generation": 7}


@pytest.mark.parametrize("content", [b"", b"[1]", b'{"a": s3cret', b"\xff\xfe"])
def test_a_damaged_record_is_said_and_not_quoted(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(Malformed) as caught:
        Records(tmp_path).read("a")
    assert caught.value.reason == "store_damaged"
    assert caught.value.__cause__ is None
    assert "s3cret" not in str(caught.value)


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(Unreachable) as caught:
        Records(tmp_path).read("a")
    assert caught.value.reason == "store_unreadable"


def test_what_is_there_can_be_listed(tmp_path: Path) -> None:
    records = Records(tmp_path / "records")
    assert records.names() == set()
    records.write("a", {"generation": 1})
    records.write("b", {"generation": 1})
    records.forget("a")
    assert records.names() == {"b"}
    (tmp_path / "file").touch()
    with pytest.raises(Unreachable) as caught:
        Records(tmp_path / "file").names()
    assert caught.value.reason == "store_unreadable"


def test_a_full_disk_keeps_the_earlier_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    records = Records(tmp_path)
    records.write("a", {"generation": 1})
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unreachable) as caught:
        records.write("a", {"generation": 2})
    assert caught.value.reason == "not_stored"
    assert records.read("a") == {"generation": 1}
    with pytest.raises(Unreachable) as caught:
        records.forget("a")
    assert caught.value.reason == "not_stored"


def test_a_record_of_the_first_release_says_no_format(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b'{"generation": 3}')
    assert Records(tmp_path).read("a") == {"generation": 3}


def test_a_record_of_a_newer_version_is_refused_and_left(tmp_path: Path) -> None:
    newer = b'{"format": 2, "sealed": {}}'
    (tmp_path / "a").write_bytes(newer)
    with pytest.raises(WrongKey) as caught:
        Records(tmp_path).read("a")
    assert caught.value.reason == "stored_newer"
    assert (tmp_path / "a").read_bytes() == newer
