import asyncio
from datetime import UTC, datetime
import json
import os
from pathlib import Path
import shutil
from typing import IO

from camhub_pi import store as store_module, store_server
from camhub_pi.store_names import recording_name
import pytest

from .serving import gone
from .storing import MP4, WEBM, Storing, sha256, storing

TOKEN = "a-token-of-some-length"
BEARER = f"Authorization: Bearer {TOKEN}"


def full_disk() -> IO[bytes]:
    return Path("/dev/full").open("wb", buffering=0)


async def uploaded(pi: Storing, *names: str) -> None:
    for name in names:
        assert (await pi.upload(name, MP4)).status == 201


class TestUpload:
    async def test_keeps_the_file_and_says_so(self, tmp_path: Path) -> None:
        async with storing(tmp_path / "made" / "new") as pi:
            about = ("Content-Type: video/mp4", "X-Camera: Front door", "X-Started-At: 2026-01-02T03:04:05+01:00")
            answer = await pi.upload("door.mp4", MP4, *about)
            assert answer.status == 201
            kept = json.loads(answer.body)
            assert kept["name"] == "door.mp4"
            assert kept["size"] == len(MP4)
            assert kept["sha256"] == sha256(MP4)
            assert kept["path"] == "/videos/door.mp4"
            assert (pi.folder / "door.mp4").read_bytes() == MP4
            assert pi.left() == ["door.mp4"]
            (entry,) = pi.log()
            assert (entry["camera"], entry["startedAt"], entry["source"]) == (
                "Front door",
                "2026-01-02T03:04:05+01:00",
                "upload",
            )

    async def test_same_file_again_is_the_same_and_another_is_refused(self, tmp_path: Path) -> None:
        async with storing(tmp_path) as pi:
            first = json.loads((await pi.upload("a.webm", WEBM)).body)
            again = await pi.upload("a.webm", WEBM)
            assert (again.status, json.loads(again.body)) == (200, first)
            unhashed = await pi.ask("POST /upload?name=a.webm", f"Content-Length: {len(WEBM)}", body=WEBM)
            assert (unhashed.status, json.loads(unhashed.body)) == (200, first)
            assert (await pi.upload("a.webm", WEBM + b"x")).status == 409
            other = await pi.ask("POST /upload?name=a.webm", f"Content-Length: {len(WEBM) + 1}", body=WEBM + b"y")
            assert other.status == 409
            assert (pi.folder / "a.webm").read_bytes() == WEBM
            assert pi.left() == ["a.webm"]
            assert len(pi.log()) == 1

    async def test_file_that_the_log_does_not_know_is_compared_all_the_same(self, tmp_path: Path) -> None:
        async with storing(tmp_path) as pi:
            pi.put("a.mp4", MP4)
            answer = await pi.upload("a.mp4", MP4)
            assert (answer.status, json.loads(answer.body)["sha256"]) == (200, sha256(MP4))
            pi.put("a.mp4", MP4[:-1] + b"?")
            assert (await pi.upload("a.mp4", MP4)).status == 409

    async def test_two_of_one_name_at_once_become_one(self, tmp_path: Path) -> None:
        async with storing(tmp_path) as pi:
            contents = [MP4 + bytes([number]) * 70_000 for number in (1, 1, 2)]
            clients = [await pi.connect() for _ in contents]
            for client, content in zip(clients, contents, strict=True):
                head = f"Content-Length: {len(content)}"
                await client.send("POST /upload?name=a.mp4", head, f"X-Content-SHA256: {sha256(content)}")
                client.writer.write(content[:-1])
                await client.writer.drain()
            for client, content in zip(clients, contents, strict=True):
                client.writer.write(content[-1:])
            answers = [(await client.answer()).status for client in clients]
            assert answers.count(201) == 1
            assert sorted(answers) in ([200, 201, 409], [201, 409, 409])
            assert pi.left() == ["a.mp4"]
            assert (pi.folder / "a.mp4").read_bytes() in contents
            for client in clients:
                client.writer.close()

    async def test_upload_that_breaks_off_leaves_nothing(self, tmp_path: Path) -> None:
        async with storing(tmp_path) as pi:
            client = await pi.connect()
            await client.send("POST /upload?name=a.mp4", "Content-Length: 900000")
            client.writer.write(MP4 * 20)
            client.writer.write_eof()
            assert await gone(client)
            client.writer.close()
            await uploaded(pi, "b.mp4")
            assert pi.left() == ["b.mp4"]

    async def test_silent_upload_is_given_up(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("camhub_pi.store_upload.STALLED_S", 0.01)
        async with storing(tmp_path) as pi:
            client = await pi.connect()
            await client.send("POST /upload?name=a.mp4", "Content-Length: 900000")
            assert await gone(client)
            client.writer.close()
            assert pi.left() == []

    @pytest.mark.parametrize(
        ("line", "headers", "body", "status"),
        [
            ("name=../a.mp4", [], MP4, 400),
            ("name=..%2Fa.mp4", [], MP4, 400),
            ("name=%2Fetc%2Fa.mp4", [], MP4, 400),
            ("name=.hidden.mp4", [], MP4, 400),
            ("name=a%00.mp4", [], MP4, 400),
            ("name=a%0A.mp4", [], MP4, 400),
            ("name=a\\b.mp4", [], MP4, 400),
            (f"name={'a' * 300}.mp4", [], MP4, 400),
            ("", [], MP4, 400),
            ("name=a.mp4" + "&x=1" * 20, [], MP4, 400),
            ("name=a.mp4", ["X-Content-SHA256: abc"], MP4, 400),
            ("name=a.mp4", ["Content-Length: -5"], b"", 400),
            ("name=a.mp4", ["Transfer-Encoding: chunked"], b"", 411),
            ("name=upload_log.json", [], b"[]", 415),
            ("name=a.exe", [], MP4, 415),
            ("name=a", [], MP4, 415),
            ("name=a.mp4", ["Content-Type: text/html"], MP4, 415),
            ("name=a.mp4", [], WEBM, 415),
            ("name=a.webm", [], MP4, 415),
            ("name=a.ts", [], MP4, 415),
            ("name=a.jpg", [], MP4, 415),
            ("name=a.mp4", [], b"", 415),
            ("name=a.mp4", [f"X-Content-SHA256: {'0' * 64}"], MP4, 422),
            ("name=a.mp4", ["Content-Length: 2000000"], MP4, 413),
        ],
    )
    async def test_what_is_not_taken(
        self, tmp_path: Path, line: str, headers: list[str], body: bytes, status: int
    ) -> None:
        async with storing(tmp_path / "videos", largest=1_000_000) as pi:
            if not any(each.startswith(("Content-Length", "Transfer")) for each in headers):
                headers = [*headers, f"Content-Length: {len(body)}"]
            answer = await pi.ask(f"POST /upload?{line}", *headers, body=body)
            assert answer.status == status
            assert answer.body
            assert pi.left() == []
            assert pi.names(tmp_path) == ["videos"]

    async def test_length_is_needed(self, tmp_path: Path) -> None:
        async with storing(tmp_path) as pi:
            assert (await pi.ask("POST /upload?name=a.mp4")).status == 411

    async def test_a_client_that_asks_first_need_not_send_in_vain(self, tmp_path: Path) -> None:
        async with storing(tmp_path) as pi:
            await uploaded(pi, "a.mp4")
            head = (f"Content-Length: {len(MP4)}", f"X-Content-SHA256: {sha256(MP4)}", "Expect: 100-continue")
            assert (await pi.ask("POST /upload?name=a.mp4", *head)).status == 200
            async with await pi.connect() as client:
                await client.send("POST /upload?name=b.mp4", *head)
                assert (await client.head()).status == 100
                client.writer.write(MP4)
                assert (await client.answer()).status == 201

    async def test_no_more_than_four_at_once(self, tmp_path: Path) -> None:
        async with storing(tmp_path) as pi:
            clients = [await pi.connect() for _ in range(4)]
            for number, client in enumerate(clients):
                await client.send(f"POST /upload?name={number}.mp4", "Content-Length: 1000", "Expect: 100-continue")
                assert (await client.head()).status == 100
            answer = await pi.upload("e.mp4", MP4)
            assert (answer.status, answer.headers["retry-after"]) == (503, "5")
            for client in clients:
                client.writer.close()

    async def test_full_disk_is_said_before(self, tmp_path: Path) -> None:
        free = shutil.disk_usage(tmp_path).free
        async with storing(tmp_path, spare=free * 2) as pi:
            assert (await pi.upload("a.mp4", MP4)).status == 507
            assert json.loads((await pi.ask("GET /health")).body)["status"] == "full"
            assert pi.left() == []

    async def test_disk_that_fills_up_leaves_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        async with storing(tmp_path) as pi:
            # The kernel's own full disk stands in for the card.
            with full_disk() as full:
                monkeypatch.setattr(Path, "open", lambda *_, **__: full)
                assert (await pi.upload("a.mp4", MP4)).status == 507
            monkeypatch.undo()
            await uploaded(pi, "a.mp4")
            assert pi.left() == ["a.mp4"]


class TestForm:
    @staticmethod
    def form(content: bytes, filename: str = "test.mp4", *, before: bytes = b"", after: bytes = b"--\r\n") -> bytes:
        disposition = f'Content-Disposition: form-data; name="file"; filename="{filename}"'
        head = f"--XX\r\n{disposition}\r\nContent-Type: application/octet-stream\r\n\r\n"
        return before + head.encode() + content + b"\r\n--XX" + after

    async def post(self, pi: Storing, body: bytes, boundary: str = "; boundary=XX") -> int:
        kind = f"Content-Type: multipart/form-data{boundary}"
        return (await pi.ask("POST /upload", kind, f"Content-Length: {len(body)}", body=body)).status

    async def test_form_of_a_browser_or_curl_is_taken(self, tmp_path: Path) -> None:
        tricky = MP4 + b"\r\n--X" + bytes(100_000) + b"\r\n--" + MP4
        field = b'--XX\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n'
        async with storing(tmp_path) as pi:
            assert await self.post(pi, self.form(tricky, before=field)) == 201
            assert (pi.folder / "test.mp4").read_bytes() == tricky
            assert await self.post(pi, self.form(tricky), '; boundary="XX"') == 200

    async def test_what_is_not_taken(self, tmp_path: Path) -> None:
        field = b'--XX\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello'
        async with storing(tmp_path / "videos", largest=50_000) as pi:
            assert await self.post(pi, self.form(MP4, "../a.mp4")) == 400
            assert await self.post(pi, self.form(b"text", "test.txt")) == 415
            assert await self.post(pi, self.form(MP4), "") == 400
            assert await self.post(pi, self.form(MP4, after=b"")[:-6]) == 400
            assert await self.post(pi, field + b"\r\n--XX--\r\n") == 400
            assert await self.post(pi, b"x" * 40_000) == 400
            assert await self.post(pi, self.form(MP4 + bytes(50_000))) == 413
            assert pi.left() == []


class TestLook:
    async def test_token_opens_everything_and_nothing_is_told_without(self, tmp_path: Path) -> None:
        async with storing(tmp_path, token=TOKEN) as pi:
            for line in ("GET /videos", "GET /videos/a.mp4", "DELETE /videos/a.mp4", "POST /recording/start", "GET /x"):
                answer = await pi.ask(line)
                assert answer.status == 401
                assert str(tmp_path).encode() not in answer.body
            assert (await pi.upload("a.mp4", MP4, "Authorization: Bearer wrong")).status == 401
            assert pi.left() == []
            assert json.loads((await pi.ask("GET /health")).body) == {"status": "ok"}
            assert (await pi.upload("a.mp4", MP4, BEARER)).status == 201
            health = json.loads((await pi.ask("GET /health", BEARER)).body)
            assert health.keys() == {"status", "timestamp", "videosPath", "freeBytes", "recording"}
            assert health["videosPath"] == str(tmp_path)
            assert datetime.fromisoformat(health["timestamp"]).tzinfo is not None

    async def test_without_a_token_only_this_machine_is_told_the_path(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with storing(tmp_path) as pi:
            assert "videosPath" in json.loads((await pi.ask("GET /health")).body)
            monkeypatch.setattr(store_server, "LOOPBACK", ())
            assert json.loads((await pi.ask("GET /health")).body) == {"status": "ok"}

    async def test_list_in_pages(self, tmp_path: Path) -> None:
        async with storing(tmp_path) as pi:
            await uploaded(pi, "c.mp4", "a.mp4", "b.mp4")
            pi.put("own.webm", WEBM)
            pi.put("notes.txt", b"mine")
            (pi.folder / "folder.mp4").mkdir()
            first = json.loads((await pi.ask("GET /videos?limit=2")).body)
            assert [each["name"] for each in first["videos"]] == ["a.mp4", "b.mp4"]
            rest = json.loads((await pi.ask(f"GET /videos?after={first['next']}&limit=2")).body)
            assert [each["name"] for each in rest["videos"]] == ["c.mp4", "own.webm"]
            assert rest["next"] is None
            assert "sha256" in rest["videos"][0]
            assert "sha256" not in rest["videos"][1]
            for wrong in ("0", "1001", "x", "-1"):
                assert (await pi.ask(f"GET /videos?limit={wrong}")).status == 400

    @pytest.mark.parametrize(
        ("wanted", "status", "expected", "told"),
        [
            ("bytes=0-9", 206, MP4[:10], f"bytes 0-9/{len(MP4)}"),
            ("bytes=100-", 206, MP4[100:], f"bytes 100-{len(MP4) - 1}/{len(MP4)}"),
            ("bytes=-5", 206, MP4[-5:], f"bytes {len(MP4) - 5}-{len(MP4) - 1}/{len(MP4)}"),
            ("bytes=5-999999", 206, MP4[5:], f"bytes 5-{len(MP4) - 1}/{len(MP4)}"),
            ("bytes=-999999", 206, MP4, f"bytes 0-{len(MP4) - 1}/{len(MP4)}"),
            ("bytes=999999-", 416, None, f"bytes */{len(MP4)}"),
            ("bytes=-0", 416, None, f"bytes */{len(MP4)}"),
            ("bytes=9-5", 416, None, f"bytes */{len(MP4)}"),
            ("bytes=-", 200, MP4, None),
            ("bytes=0-1,4-5", 200, MP4, None),
            ("lines=1-2", 200, MP4, None),
        ],
    )
    async def test_parts_of_a_file(
        self, tmp_path: Path, wanted: str, status: int, expected: bytes | None, told: str | None
    ) -> None:
        async with storing(tmp_path) as pi:
            await uploaded(pi, "a.mp4")
            answer = await pi.ask("GET /videos/a.mp4", f"Range: {wanted}")
            assert (answer.status, answer.headers.get("content-range")) == (status, told)
            assert expected is None or answer.body == expected

    async def test_fetch_says_what_it_is(self, tmp_path: Path) -> None:
        async with storing(tmp_path) as pi:
            await uploaded(pi, "a.mp4")
            async with await pi.connect() as client:
                await client.send("HEAD /videos/a.mp4")
                answer = await client.answer(body=False)
                assert answer.headers["content-type"] == "video/mp4"
                assert answer.headers["content-length"] == str(len(MP4))
                assert answer.headers["etag"] == f'"{sha256(MP4)}"'
                # The connection goes on.
                await client.send("GET /videos/a.mp4", "Range: bytes=0-0", 'If-Range: "other"')
                assert (await client.answer()).body == MP4

    async def test_delete(self, tmp_path: Path) -> None:
        async with storing(tmp_path) as pi:
            await uploaded(pi, "a.mp4")
            assert (await pi.ask("DELETE /videos/a.mp4")).status == 204
            assert pi.left() == []
            assert pi.log()[0]["why"] == "deleted"
            for line in ("DELETE /videos/a.mp4", "GET /videos/a.mp4"):
                assert (await pi.ask(line)).status == 404
            await uploaded(pi, "a.mp4")

    @pytest.mark.parametrize(
        "name",
        [
            "../secret.mp4",
            "..%2fsecret.mp4",
            "%2e%2e/secret.mp4",
            "..%5csecret.mp4",
            "/etc/passwd",
            "%2Fetc%2Fpasswd",
            "upload_log.json",
            ".incoming",
            ".incoming%2fa.mp4",
            "link.mp4",
            "folder.mp4",
            "pipe.mp4",
            "a.mp4%00",
            "",
        ],
    )
    async def test_nothing_else_can_be_reached(self, tmp_path: Path, name: str) -> None:
        secret = tmp_path / "secret.mp4"
        secret.write_bytes(MP4)
        async with storing(tmp_path / "videos") as pi:
            await uploaded(pi, "a.mp4")
            (pi.folder / "link.mp4").symlink_to(secret)
            (pi.folder / "folder.mp4").mkdir()
            os.mkfifo(pi.folder / "pipe.mp4")
            for method in ("GET", "HEAD", "DELETE"):
                assert (await pi.ask(f"{method} /videos/{name}", read=False)).status == 404
            assert secret.read_bytes() == MP4
            listed = json.loads((await pi.ask("GET /videos")).body)["videos"]
            assert [each["name"] for each in listed] == ["a.mp4"]
            for taken in ("link.mp4", "folder.mp4", "pipe.mp4"):
                assert (await pi.upload(taken, MP4)).status == 409
            assert secret.read_bytes() == MP4

    async def test_other_paths_and_methods(self, tmp_path: Path) -> None:
        async with storing(tmp_path) as pi:
            assert (await pi.ask("GET /")).status == 404
            answer = await pi.ask("PUT /videos/a.mp4")
            assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, DELETE")
            assert (await pi.ask("GET /upload")).status == 405

    async def test_disk_that_fails_is_said(self, tmp_path: Path) -> None:
        async with storing(tmp_path / "videos") as pi:
            shutil.rmtree(pi.folder)
            assert (await pi.ask("GET /videos")).status == 500


class TestRetention:
    async def test_old_ones_go_and_foreign_ones_stay(self, tmp_path: Path) -> None:
        async with storing(tmp_path, keep_days=7) as pi:
            await uploaded(pi, "old.mp4", "new.mp4", "vanished.mp4")
            (pi.folder / "vanished.mp4").unlink()
            holiday = pi.put("holiday.mp4", MP4)
            now = datetime.now(UTC).timestamp()
            for path in (pi.folder / "old.mp4", holiday):
                os.utime(path, (now - 8 * 86400, now - 8 * 86400))
            assert pi.store.retain() == ["old.mp4"]
            assert pi.left() == ["holiday.mp4", "new.mp4"]
            assert pi.log()[0]["why"] == "too old"
            assert pi.store.retain() == []

    async def test_the_oldest_make_room(self, tmp_path: Path) -> None:
        async with storing(tmp_path, keep_bytes=2 * len(MP4)) as pi:
            for age, name in ((30, "b.mp4"), (20, "a.mp4")):
                await uploaded(pi, name)
                moment = datetime.now(UTC).timestamp() - age
                os.utime(pi.folder / name, (moment, moment))
            await uploaded(pi, "c.mp4")
            assert pi.left() == ["a.mp4", "c.mp4"]
            assert [each.get("why") for each in pi.log()] == ["too much", None, None]

    async def test_looked_at_when_it_starts(self, tmp_path: Path) -> None:
        async with storing(tmp_path) as pi:
            await uploaded(pi, "a.mp4")
            os.utime(pi.folder / "a.mp4", (0, 0))
        async with storing(tmp_path, keep_days=1) as pi:
            await uploaded(pi, "b.mp4")
            assert pi.left() == ["b.mp4"]

    async def test_goes_on_after_a_failure(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(store_server, "RETAIN_EVERY_S", 0.001)
        tried = asyncio.Event()
        loop = asyncio.get_running_loop()

        def retain(_: object) -> list[str]:
            loop.call_soon_threadsafe(tried.set)
            raise OSError(5, "broken card")

        monkeypatch.setattr(store_module.Store, "retain", retain)
        async with storing(tmp_path):
            for _ in range(2):
                await tried.wait()
                tried.clear()
        assert "could not be removed" in caplog.text

    async def test_log_forgets_what_went_long_ago(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("camhub_pi.store_log.GONE", 1)
        async with storing(tmp_path) as pi:
            await uploaded(pi, "a.mp4", "b.mp4", "c.mp4")
            for name in ("a.mp4", "b.mp4"):
                await pi.ask(f"DELETE /videos/{name}")
            assert [each["name"] for each in pi.log()] == ["b.mp4", "c.mp4"]


class TestStart:
    async def test_leftovers_of_a_crash_are_removed(self, tmp_path: Path) -> None:
        (tmp_path / ".incoming").mkdir()
        (tmp_path / ".incoming" / "half.part").write_bytes(MP4)
        async with storing(tmp_path) as pi:
            assert pi.left() == []

    @pytest.mark.parametrize("broken", ["{half", "{}", "[1]", '["a"]', "[{}]"])
    async def test_log_that_cannot_be_read_is_put_aside(self, tmp_path: Path, broken: str) -> None:
        (tmp_path / "upload_log.json").write_text(broken)
        async with storing(tmp_path) as pi:
            await uploaded(pi, "a.mp4")
            assert len(pi.log()) == 1
            assert (pi.folder / "upload_log.json.broken").read_text() == broken

    async def test_log_is_read_again(self, tmp_path: Path) -> None:
        for _ in range(2):
            async with storing(tmp_path) as pi:
                await pi.upload("a.mp4", MP4, "X-Camera: door")
                listed = json.loads((await pi.ask("GET /videos")).body)["videos"]
                assert [each["camera"] for each in listed] == ["door"]
                assert len(pi.log()) == 1


def test_names_of_recordings() -> None:
    at = datetime(2025, 1, 26, 14, 30, 45, 123_999, tzinfo=UTC)
    assert recording_name(at) == "manual_2025-01-26T14-30-45-123Z_recording.webm"
