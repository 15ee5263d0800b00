"""As much of HTTP/1.1 as a camera server and its storage need."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

HEAD_LIMIT = 16 * 2**10
QUERY_FIELDS = 16
ALLOWED = "GET, HEAD, OPTIONS"
NO_CACHE = {"Cache-Control": "no-cache, no-store, private", "Pragma": "no-cache", "Age": "0"}


class BadRequest(Exception):
    """What came is no request we answer; `status` says how to refuse it."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A request's line and headers (lower-case names); `path` is as sent, without the query, which is never logged."""

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    keep_alive: bool
    query: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer."""

    status: HTTPStatus
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def encoded(self, *, keep_alive: bool, head_only: bool = False) -> bytes:
        """Return the bytes to send; `head_only` leaves the body out and its length in."""
        lengths = {} if self.status is HTTPStatus.NO_CONTENT else {"Content-Length": str(len(self.body))}
        head = head_of(self.status, {**self.headers, **lengths}, keep_alive=keep_alive)
        return head if head_only else head + self.body


def head_of(status: HTTPStatus, headers: Mapping[str, str], *, keep_alive: bool) -> bytes:
    """Return the status line and headers with the empty line."""
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Server: camhub-pi",
        f"Date: {formatdate(usegmt=True)}",
        *(f"{name}: {value}" for name, value in {**NO_CACHE, **headers}.items()),
        "X-Content-Type-Options: nosniff",
        f"Connection: {'keep-alive' if keep_alive else 'close'}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def text(status: HTTPStatus, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer in words."""
    return Response(status, f"{message}\n".encode(), {"Content-Type": "text/plain; charset=utf-8", **(headers or {})})


def document(status: HTTPStatus, content: Mapping[str, Any]) -> Response:
    """Return an answer in JSON."""
    return Response(status, json.dumps(content).encode(), {"Content-Type": "application/json"})


async def read_request(reader: asyncio.StreamReader, patience: float) -> Request | None:
    """Return the next request, None when the client has no more.

    Raises BadRequest, and TimeoutError after `patience` seconds.
    """
    try:
        async with asyncio.timeout(patience):
            head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError as error:
        raise BadRequest(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE) from error
    return parse_head(head)


def parse_head(head: bytes) -> Request:
    """Return what the bytes up to the empty line ask for; raises BadRequest."""
    first, *lines = head.decode("latin-1").strip("\r\n").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise BadRequest(HTTPStatus.BAD_REQUEST)
    method, target, version = words
    headers: dict[str, str] = {}
    if target.count("&") >= QUERY_FIELDS:
        raise BadRequest(HTTPStatus.BAD_REQUEST)
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise BadRequest(HTTPStatus.BAD_REQUEST)
        headers[name.lower()] = value.strip()
    connection = headers.get("connection", "").lower()
    # A body is not read, so what follows it on this connection could not be told from it.
    has_body = "transfer-encoding" in headers or headers.get("content-length", "0") != "0"
    return Request(
        method=method,
        path=_path(target),
        query=dict(parse_qsl(target.partition("?")[2], keep_blank_values=True)),
        headers=headers,
        keep_alive=version != "HTTP/1.0" and "close" not in connection and not has_body,
    )


def _path(target: str) -> str:
    if target.startswith("/") or target == "*":
        return target.partition("?")[0]
    try:
        return urlsplit(target).path or "/"
    except ValueError as error:
        raise BadRequest(HTTPStatus.BAD_REQUEST) from error
