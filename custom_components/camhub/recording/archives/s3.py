"""A bucket of an S3-compatible store.

Parts and small films carry their MD5, so that the store itself refuses what arrives damaged, and a film its SHA-256 as
metadata, so that one that is there already is known. `ETag` is the MD5 only where the store does not encrypt with keys
of its own service (AWS: "Checking object integrity").
"""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from hashlib import md5
from http import HTTPStatus
import logging
from pathlib import Path
from secrets import token_hex
from typing import Any, Final, override

import aiobotocore.config
import aiobotocore.session
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError as NoConnection,
    HTTPClientError,
    ParamValidationError,
)

from ...kernel.addresses import looked_up
from ...kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable
from ...kernel.secret import Secret
from . import Archive, Film, NameTaken, Stored

# The least a part may have is 5 MiB, and there may be 10,000; more bytes at once would only cost memory.
PART: Final = 6 * 2**20
_MOST_PARTS: Final = 9_000
_MD5_HEX: Final = 32
_CONFIG: Final[Mapping[str, Any]] = {
    # The queue tries again; a second loop below it would multiply the waits.
    "retries": {"total_max_attempts": 1, "mode": "standard"},
    "connect_timeout": 15,
    "read_timeout": 120,
    "max_pool_connections": 8,
    "signature_version": "s3v4",
    # Many compatible stores know no other checksums than the MD5.
    "request_checksum_calculation": "when_required",
    "response_checksum_validation": "when_required",
    # What describes the service is read in a thread, not in the event loop.
    "warm_up_loader_caches": True,
}
_TALKATIVE: Final = ("aiobotocore", "botocore")
_REFUSED: Final = frozenset(
    {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "AccountProblem"}
)
_GONE: Final = frozenset({"404", "NoSuchKey", "NotFound"})
_FULL: Final = frozenset({"XMinioStorageFull", "QuotaExceeded", "InsufficientStorage"})
_BUSY: Final = frozenset({"SlowDown", "Throttling", "ThrottlingException", "TooManyRequests", "RequestLimitExceeded"})
_CLOCK: Final = frozenset({"RequestTimeTooSkewed", "RequestExpired"})
_DAMAGED: Final = frozenset({"BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "InvalidPart"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Bucket:
    """Where and how: `endpoint` None is AWS; `encryption` is `AES256`, `aws:kms` or None."""

    name: str
    access_key: str = field(repr=False)
    secret_key: Secret
    endpoint: str | None = None
    region: str | None = None
    prefix: str = ""
    encryption: str | None = None
    kms_key: str | None = None
    storage_class: str | None = None
    path_style: bool = True


class S3Archive(Archive):
    """Films as objects of a bucket; a reference is the key."""

    def __init__(self, bucket: Bucket, part: int = PART) -> None:
        """Take the settings; nothing is asked yet."""
        self._bucket = bucket
        self._part = part
        self._opened: Any = None
        self._client: Any = None
        self._opening = asyncio.Lock()

    @override
    async def put(self, film: Film, name: str) -> Stored:
        """Send a film, in parts where it is large; one that is there already is left as it is."""
        key = f"{self._bucket.prefix.strip('/')}/{name}".lstrip("/")
        async with self._store() as client:
            if (there := await self._head(client, key)) is not None:
                if there["ContentLength"] != film.size or there.get("Metadata", {}).get("sha256") != film.sha256:
                    raise NameTaken(name)
                return Stored(reference=key, digest=_etag(there))
            if film.size <= self._part:
                return await self._put_whole(client, key, film)
            return await self._put_parts(client, key, film)

    @override
    async def verify(self, stored: Stored, film: Film) -> None:
        """Ask the store for the size, the digest it gave and the metadata."""
        async with self._store() as client:
            there = await self._head(client, stored.reference)
        said = None if there is None else (there["ContentLength"], there.get("Metadata", {}).get("sha256"))
        if there is None or said != (film.size, film.sha256) or _etag(there) != stored.digest:
            raise Malformed("another object is there", reason="archive_differs")

    @override
    async def check(self) -> None:
        """Put a small object, look at it, delete it."""
        key = f"{self._bucket.prefix.strip('/')}/camhub-check-{token_hex(4)}.txt".lstrip("/")
        async with self._store() as client:
            await client.put_object(Bucket=self._bucket.name, Key=key, Body=b"test", **self._terms)
            await client.head_object(Bucket=self._bucket.name, Key=key)
            await client.delete_object(Bucket=self._bucket.name, Key=key)

    @override
    def address(self, reference: str) -> str:
        """Return the `s3:` address that the tools of such stores take."""
        return f"s3://{self._bucket.name}/{reference}"

    @override
    async def link(self, reference: str, seconds: int) -> str | None:
        """Return a presigned address."""
        async with self._store() as client:
            wanted = {"Bucket": self._bucket.name, "Key": reference}
            return str(await client.generate_presigned_url("get_object", Params=wanted, ExpiresIn=seconds))

    @override
    async def delete(self, reference: str) -> None:
        """Delete an object."""
        async with self._store() as client:
            await client.delete_object(Bucket=self._bucket.name, Key=reference)

    @override
    async def close(self) -> None:
        """Close its connections."""
        opened, self._opened, self._client = self._opened, None, None
        if opened is not None:
            await opened.__aexit__(None, None, None)

    @property
    def _terms(self) -> Mapping[str, str]:
        """Return how objects are kept."""
        bucket = self._bucket
        terms = {
            "ServerSideEncryption": bucket.encryption,
            "SSEKMSKeyId": bucket.kms_key if bucket.encryption == "aws:kms" else None,
            "StorageClass": bucket.storage_class,
        }
        return {key: value for key, value in terms.items() if value}

    @asynccontextmanager
    async def _store(self) -> AsyncIterator[Any]:
        """Give the client; what goes wrong inside becomes a HubError."""
        try:
            async with self._opening:
                if self._client is None:
                    await self._open()
            yield self._client
        except ClientError as error:
            raise _translated(error) from error
        except ParamValidationError as error:
            raise Unreachable("a value is refused", reason="archive_settings") from error
        except (HTTPClientError, NoConnection, OSError) as error:
            raise Unreachable(type(error).__name__, reason="archive_unreachable") from error
        except (BotoCoreError, ValueError) as error:
            raise Unreachable(type(error).__name__, reason="archive_settings") from error

    async def _open(self) -> None:
        bucket = self._bucket
        for name in _TALKATIVE:
            if (logger := logging.getLogger(name)).level == logging.NOTSET:
                # What it says while it is debugged holds signatures and links.
                logger.setLevel(logging.INFO)
        if bucket.endpoint:
            await looked_up(bucket.endpoint)
        style = {"addressing_style": "path" if bucket.path_style else "auto"}
        opened = aiobotocore.session.AioSession().create_client(
            "s3",
            # Any will do where a store has none.
            region_name=bucket.region or "us-east-1",
            endpoint_url=bucket.endpoint,
            aws_access_key_id=bucket.access_key,
            aws_secret_access_key=bucket.secret_key.reveal(),
            config=aiobotocore.config.AioConfig(s3=style, **_CONFIG),
        )
        self._client = await opened.__aenter__()
        self._opened = opened

    async def _head(self, client: Any, key: str) -> Mapping[str, Any] | None:
        try:
            found: Mapping[str, Any] = await client.head_object(Bucket=self._bucket.name, Key=key)
        except ClientError as error:
            if _code(error) in _GONE:
                return None
            raise
        return found

    def _described(self, film: Film) -> Mapping[str, Any]:
        facts = {key: value for key, value in film.facts.items() if value.isascii() and value.isprintable()}
        return {"ContentType": film.content_type, "Metadata": {**facts, "sha256": film.sha256}, **self._terms}

    async def _put_whole(self, client: Any, key: str, film: Film) -> Stored:
        body, digest = await asyncio.to_thread(_piece, film.path, 0, film.size)
        answer = await client.put_object(
            Bucket=self._bucket.name, Key=key, Body=body, ContentMD5=_base64(digest), **self._described(film)
        )
        _compare(answer, digest)
        return Stored(reference=key, digest=_etag(answer))

    async def _put_parts(self, client: Any, key: str, film: Film) -> Stored:
        await self._abort_left(client, key)
        begun = await client.create_multipart_upload(Bucket=self._bucket.name, Key=key, **self._described(film))
        upload = {"Bucket": self._bucket.name, "Key": key, "UploadId": begun["UploadId"]}
        try:
            parts = await self._send_parts(client, upload, film)
            answer = await client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
        except BaseException:
            # Parts that nobody completes are paid for and seen by nobody.
            with suppress(ClientError, BotoCoreError, OSError):
                await asyncio.shield(client.abort_multipart_upload(**upload))
            raise
        return Stored(reference=key, digest=_etag(answer))

    async def _send_parts(self, client: Any, upload: Mapping[str, str], film: Film) -> Sequence[Mapping[str, Any]]:
        part = max(self._part, -(-film.size // _MOST_PARTS))
        sent: list[Mapping[str, Any]] = []
        for number, at in enumerate(range(0, film.size, part), 1):
            body, digest = await asyncio.to_thread(_piece, film.path, at, part)
            answer = await client.upload_part(
                **upload, PartNumber=number, Body=body, ContentMD5=_base64(digest), ContentLength=len(body)
            )
            _compare(answer, digest)
            sent.append({"PartNumber": number, "ETag": answer["ETag"]})
        return sent

    async def _abort_left(self, client: Any, key: str) -> None:
        """End what an earlier run began of this film; a login that may not look for it goes without."""
        with suppress(ClientError):
            found = await client.list_multipart_uploads(Bucket=self._bucket.name, Prefix=key)
            for upload in found.get("Uploads", ()):
                if upload["Key"] == key:
                    await client.abort_multipart_upload(Bucket=self._bucket.name, Key=key, UploadId=upload["UploadId"])


def _piece(path: Path, at: int, length: int) -> tuple[bytes, bytes]:
    """Return a part of a file and its MD5; blocking."""
    with path.open("rb") as file:
        file.seek(at)
        body = file.read(length)
    return body, md5(body, usedforsecurity=False).digest()


def _base64(digest: bytes) -> str:
    return b64encode(digest).decode("ascii")


def _etag(answer: Mapping[str, Any]) -> str:
    return str(answer.get("ETag", "")).strip('"')


def _compare(answer: Mapping[str, Any], digest: bytes) -> None:
    """Raise Malformed where a store that tells MD5s tells another one."""
    etag = _etag(answer)
    plain = answer.get("ServerSideEncryption") in {None, "AES256"}
    if plain and len(etag) == _MD5_HEX and etag != digest.hex():
        raise Malformed("it arrived damaged", reason="archive_differs")


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _translated(error: ClientError) -> HubError:
    """Return what a store's answer says; its own words may quote the request."""
    code, status = _code(error), error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    text = f"{error.operation_name}: {code}"
    if code in _CLOCK:
        return Unreachable(text, reason="archive_clock")
    if code in _REFUSED or status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return AuthError(text, reason="archive_refused")
    if code == "NoSuchBucket" or status == HTTPStatus.NOT_FOUND:
        return Unreachable(text, reason="archive_no_bucket")
    if code in _FULL or status == HTTPStatus.INSUFFICIENT_STORAGE:
        return Unreachable(text, reason="archive_full")
    if code in _BUSY or status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled(text)
    if code in _DAMAGED:
        return Malformed(text, reason="archive_differs")
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unreachable(text, reason="archive_settings")
    return Unreachable(text, reason="archive_unreachable")
