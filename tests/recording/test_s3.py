from collections.abc import AsyncIterator, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import aiobotocore.session
import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest

from custom_components.camhub.kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable, Unsupported
from custom_components.camhub.kernel.secret import Secret
from custom_components.camhub.recording.archives import Film, NameTaken, Stored
from custom_components.camhub.recording.archives.s3 import Bucket, S3Archive

from .clip_world import KEYS, NAME
from .s3_store import store

FIVE = 5 * 2**20


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with store() as address:
        yield address


@pytest.fixture
async def client(endpoint: str) -> AsyncIterator[Any]:
    """Give the store's own view, with an empty bucket."""
    async with aiohttp.ClientSession() as session:
        await session.post(f"{endpoint}/moto-api/reset")
    async with aiobotocore.session.AioSession().create_client(
        "s3", region_name="us-east-1", endpoint_url=endpoint, aws_access_key_id=KEYS[0], aws_secret_access_key=KEYS[1]
    ) as client:
        await client.create_bucket(Bucket=NAME)
        yield client


def bucket(endpoint: str, **changes: Any) -> Bucket:
    fields: dict[str, Any] = {
        "name": NAME,
        "endpoint": endpoint,
        "access_key": KEYS[0],
        "secret_key": Secret(KEYS[1]),
        **changes,
    }
    return Bucket(**fields)


@pytest.fixture
async def archive(endpoint: str, client: Any) -> AsyncIterator[S3Archive]:
    archive = S3Archive(bucket(endpoint, prefix="/home/", encryption="AES256", storage_class="STANDARD_IA"), part=FIVE)
    yield archive
    await archive.close()


def made(path: Path, content: bytes, **facts: str) -> Film:
    path.write_bytes(content)
    return Film(path=path, size=len(content), sha256=sha256(content).hexdigest(), facts=facts)


@pytest.mark.parametrize("size", [1000, FIVE + 1000])
async def test_it_keeps_what_it_gets(archive: S3Archive, client: Any, tmp_path: Path, size: int) -> None:
    film = made(tmp_path / "film", bytes(range(250)) * (size // 250), camera="yard", label="Tür")
    stored = await archive.put(film, "yard/one.mp4")
    assert stored.reference == "home/yard/one.mp4"
    assert f"{stored.digest}".endswith("-2") is (size > FIVE)
    await archive.verify(stored, film)
    assert await archive.put(film, "yard/one.mp4") == stored
    found = await client.get_object(Bucket=NAME, Key=stored.reference)
    assert await found["Body"].read() == film.path.read_bytes()
    assert found["ContentType"] == "video/mp4"
    assert found["StorageClass"] == "STANDARD_IA"
    assert found["ServerSideEncryption"] == "AES256"
    assert found["Metadata"] == {"camera": "yard", "sha256": film.sha256}
    with pytest.raises(NameTaken):
        await archive.put(made(tmp_path / "other", b"other"), "yard/one.mp4")
    await client.put_object(Bucket=NAME, Key=stored.reference, Body=b"other")
    with pytest.raises(Malformed):
        await archive.verify(stored, film)
    await archive.delete(stored.reference)
    await archive.delete(stored.reference)
    with pytest.raises(Malformed):
        await archive.verify(stored, film)


async def test_a_link_opens_without_a_key_and_ends(archive: S3Archive, client: Any, tmp_path: Path) -> None:
    stored = await archive.put(made(tmp_path / "film", b"film"), "one.mp4")
    assert archive.address(stored.reference) == f"s3://{NAME}/{stored.reference}"
    link = await archive.link(stored.reference, 60)
    assert link is not None
    assert KEYS[1] not in link
    assert "X-Amz-Expires=60" in link
    async with aiohttp.ClientSession() as session, session.get(link) as response:
        assert await response.read() == b"film"


async def test_what_a_killed_run_began_is_ended(archive: S3Archive, client: Any, tmp_path: Path) -> None:
    for name in ("home/one.mp4", "home/one.mp4.other"):
        await client.create_multipart_upload(Bucket=NAME, Key=name)
    await archive.put(made(tmp_path / "film", b"1" * (FIVE + 1)), "one.mp4")
    left = await client.list_multipart_uploads(Bucket=NAME)
    assert [upload["Key"] for upload in left["Uploads"]] == ["home/one.mp4.other"]


async def test_a_film_that_shrinks_leaves_no_parts(archive: S3Archive, client: Any, tmp_path: Path) -> None:
    film = made(tmp_path / "film", b"1" * (FIVE + 1))
    await archive.check()
    film.path.unlink()
    with pytest.raises(Unreachable) as raised:
        await archive.put(film, "one.mp4")
    assert raised.value.reason == "archive_unreachable"
    assert "Uploads" not in await client.list_multipart_uploads(Bucket=NAME)
    assert "Contents" not in await client.list_objects_v2(Bucket=NAME)


async def test_a_bucket_that_is_not_there(endpoint: str, client: Any) -> None:
    archive = S3Archive(bucket(endpoint, name="another"))
    with pytest.raises(Unreachable) as raised:
        await archive.check()
    assert raised.value.reason == "archive_no_bucket"
    await archive.close()
    await archive.close()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"endpoint": "http://127.0.0.1:1"}, "archive_unreachable"),
        ({"endpoint": "no address"}, "archive_settings"),
        ({"name": "n t"}, "archive_settings"),
    ],
)
async def test_settings_that_lead_nowhere(endpoint: str, client: Any, changes: dict[str, Any], reason: str) -> None:
    archive = S3Archive(bucket(**{"endpoint": endpoint, **changes}))
    with pytest.raises(HubError) as raised:
        await archive.check()
    assert raised.value.reason == reason
    await archive.close()


class Odd:
    """A store that answers as it is told."""

    def __init__(self) -> None:
        self.status = 500
        self.code = "InternalError"
        self.etag = ""
        self.asked: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.method} {request.path}")
        if request.method == "HEAD":
            return web.Response(status=404)
        if self.etag:
            return web.Response(headers={"ETag": self.etag})
        text = f"<Error><Code>{self.code}</Code><Message>secret words</Message></Error>"
        return web.Response(status=self.status, text=text, content_type="application/xml")


@pytest.fixture
async def odd() -> AsyncIterator[tuple[Odd, S3Archive]]:
    odd = Odd()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", odd.answer)
    async with TestServer(app) as server:
        archive = S3Archive(bucket(str(server.make_url("/")), encryption="aws:kms", kms_key="key"))
        yield odd, archive
        await archive.close()


@pytest.mark.parametrize(
    ("status", "code", "kind", "reason"),
    [
        (500, "InternalError", Unreachable, "archive_unreachable"),
        (503, "SlowDown", Throttled, "throttled"),
        (403, "SignatureDoesNotMatch", AuthError, "archive_refused"),
        (403, "RequestTimeTooSkewed", Unreachable, "archive_clock"),
        (507, "XMinioStorageFull", Unreachable, "archive_full"),
        (400, "BadDigest", Malformed, "archive_differs"),
        (400, "InvalidStorageClass", Unreachable, "archive_settings"),
    ],
)
async def test_what_a_store_answers(
    odd: tuple[Odd, S3Archive], tmp_path: Path, status: int, code: str, kind: type[HubError], reason: str
) -> None:
    service, archive = odd
    service.status, service.code = status, code
    with pytest.raises(kind) as raised:
        await archive.put(made(tmp_path / "film", b"film"), "one.mp4")
    assert raised.value.reason == reason
    assert "secret words" not in str(raised.value)
    # The queue tries again, nobody below it does.
    assert service.asked == ["HEAD /clips/one.mp4", "PUT /clips/one.mp4"]


async def test_a_store_that_got_something_else(odd: tuple[Odd, S3Archive], tmp_path: Path) -> None:
    service, archive = odd
    service.etag = '"' + "0" * 32 + '"'
    film = made(tmp_path / "film", b"film")
    with pytest.raises(Malformed):
        await archive.put(film, "one.mp4")
    # One that is no MD5 says nothing.
    service.etag = '"something-else"'
    assert await archive.put(film, "one.mp4") == Stored(reference="one.mp4", digest="something-else")


async def test_looking_for_it_is_refused(endpoint: str, client: Any, odd: tuple[Odd, S3Archive]) -> None:
    service, archive = odd
    service.status, service.code = 403, "AccessDenied"
    with pytest.raises(AuthError):
        await archive.check()


async def test_secrets_are_not_shown(endpoint: str) -> None:
    assert KEYS[0] not in repr(bucket(endpoint))
    assert KEYS[1] not in repr(bucket(endpoint))


async def test_a_metadata_service_is_not_asked() -> None:
    archive = S3Archive(bucket("http://2852039166/"))
    with pytest.raises(Unsupported) as caught:
        await archive.check()
    assert caught.value.reason == "address_forbidden"
