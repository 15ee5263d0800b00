"""A mail server on loopback, and what speaks to it where Home Assistant's own mail client is not installed."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
import smtplib
import sys
from types import ModuleType
from typing import Any, Self

import pytest


class MailServer:
    """Takes every message."""

    def __init__(self) -> None:
        self.port = 0
        self.messages: asyncio.Queue[EmailMessage] = asyncio.Queue()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[Self]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com\r\n")
        while line := (await reader.readline()).strip().upper():
            if line == b"DATA":
                writer.write(b"354 go on\r\n")
                body = (await reader.readuntil(b"\r\n.\r\n"))[:-3].replace(b"\r\n..", b"\r\n.")
                message = message_from_bytes(body, policy=policy.default)
                assert isinstance(message, EmailMessage)
                self.messages.put_nowait(message)
            writer.write(b"221 bye\r\n" if line == b"QUIT" else b"250 mail.example.com\r\n")
            if line == b"QUIT":
                break
        writer.close()


class _Client:
    """Speaks SMTP by the standard library, behind the few names that Home Assistant uses."""

    def __init__(self, *, hostname: str, port: int, **_: Any) -> None:
        self._place = (hostname, port)
        self._client: smtplib.SMTP | None = None

    async def __aenter__(self) -> Self:
        self._client = await asyncio.to_thread(smtplib.SMTP, *self._place)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._client is not None
        await asyncio.to_thread(self._client.quit)

    async def send_message(self, message: EmailMessage) -> None:
        assert self._client is not None
        await asyncio.to_thread(self._client.send_message, message)


def lend_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Home Assistant's mail integration load."""
    # Both clients ask for this machine's name first, which may take long where nobody knows it.
    monkeypatch.setattr("socket.getfqdn", lambda *_: "home.example.com")
    module = ModuleType("aiosmtplib")
    errors = {name: type(name, (Exception,), {}) for name in ("SMTPException", "SMTPTimeoutError")}
    vars(module).update(
        errors, SMTP=_Client, SMTPAuthenticationError=type("SMTPAuthenticationError", (errors["SMTPException"],), {})
    )
    monkeypatch.setitem(sys.modules, "aiosmtplib", module)
