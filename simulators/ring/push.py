"""The push service: registration over HTTPS; messages, encrypted for the listener, over a socket of its own (MCS)."""

import asyncio
import base64
from collections.abc import Callable, Mapping
import json
import os
import secrets
import ssl
from typing import Any, Final

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from firebase_messaging.proto.checkin_pb2 import AndroidCheckinRequest, AndroidCheckinResponse
from firebase_messaging.proto.mcs_pb2 import (
    Close,
    DataMessageStanza,
    HeartbeatAck,
    IqStanza,
    LoginRequest,
    LoginResponse,
    SelectiveAck,
)
from google.protobuf.message import Message
import http_ece

from .faults import Faults
from .hosts import CHECK_IN, INSTALLATIONS

_VERSION: Final = 41
_PING, _ACK, _LOGIN, _LOGGED_IN, _CLOSE, _IQ, _DATA = 0, 1, 2, 3, 4, 7, 8
_SELECTIVE_ACK: Final = 12


class _Listener:
    """One who has logged in."""

    def __init__(self, android: str, writer: asyncio.StreamWriter) -> None:
        self.android = android
        self.writer = writer

    def send(self, tag: int, message: Message) -> None:
        self.writer.write(packet(tag, message))


class Push:
    """Registrations and listeners; a message that nobody acknowledged is sent again at the next login.

    `registered` counts new registrations, `logins` those who began to listen, `acknowledged` what they took.
    """

    def __init__(self, faults: Faults, notify: Callable[[], None]) -> None:
        """Begin with nobody."""
        self._faults = faults
        self._notify = notify
        self._androids: dict[str, str] = {}
        self._subscribed: dict[str, tuple[str, str]] = {}
        self._tokens: dict[str, tuple[str, bytes, bytes]] = {}
        self._waiting: dict[str, dict[str, DataMessageStanza]] = {}
        self._listeners: list[_Listener] = []
        self._server: asyncio.Server | None = None
        self._number = 0
        self.registered = 0
        self.logins = 0
        self.acknowledged: list[str] = []

    @property
    def listeners(self) -> int:
        """Return how many listen."""
        return len(self._listeners)

    async def start(self, host: str, port: int, context: ssl.SSLContext) -> int:
        """Listen for listeners and return the port."""
        self._server = await asyncio.start_server(self._serve, host, port, ssl=context)
        found: int = self._server.sockets[0].getsockname()[1]
        return found

    async def stop(self) -> None:
        """Hang up on everybody and stop."""
        if self._server is not None:
            self.drop()
            self._server.close()
            self._server.close_clients()
            await self._server.wait_closed()
            self._server = None

    def drop(self) -> None:
        """Cut every line."""
        for listener in self._listeners:
            listener.writer.transport.abort()

    def dismiss(self) -> None:
        """Ask every listener to go, as the service does now and then."""
        for listener in self._listeners:
            listener.send(_CLOSE, Close())

    def send(self, token: str, told: Mapping[str, Any]) -> None:
        """Encrypt a message for whoever holds a registration, and deliver it now or at the next login."""
        if token not in self._tokens:
            return
        gcm, receiver, auth = self._tokens[token]
        android, subtype = self._subscribed[gcm]
        self._number += 1
        stanza = encrypted(json.dumps(told).encode(), receiver, auth, subtype)
        if self._faults.push_garbled:
            stanza.raw_data = bytes(reversed(stanza.raw_data))
        stanza.persistent_id = f"0:{self._number}"
        if self._faults.push_silent:
            return
        self._waiting.setdefault(android, {})[stanza.persistent_id] = stanza
        for listener in self._listeners:
            if listener.android == android:
                listener.send(_DATA, stanza)

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one of the registration hosts."""
        if self._faults.registration_refused:
            return web.json_response({"error": {"code": 403, "status": "PERMISSION_DENIED"}}, status=403)
        if request.host == CHECK_IN:
            return await (self._check_in(request) if request.path == "/checkin" else self._subscribe(request))
        if request.host == INSTALLATIONS:
            said = json.loads(await request.text())
            token = {"token": secrets.token_urlsafe(16), "expiresIn": "604800s"}
            return web.json_response({"fid": said["fid"], "refreshToken": secrets.token_urlsafe(8), "authToken": token})
        return await self._register(request)

    async def _check_in(self, request: web.Request) -> web.Response:
        said = AndroidCheckinRequest()
        said.ParseFromString(await request.read())
        android = str(said.id) if said.id and str(said.id) in self._androids else str(secrets.randbits(60))
        secret = self._androids.setdefault(android, str(secrets.randbits(60)))
        told = AndroidCheckinResponse(stats_ok=True, android_id=int(android), security_token=int(secret))
        return web.Response(body=told.SerializeToString(), content_type="application/x-protobuffer")

    async def _subscribe(self, request: web.Request) -> web.Response:
        said = await request.post()
        token = secrets.token_urlsafe(16).replace("=", "")
        self._subscribed[token] = (str(said["device"]), str(said["X-subtype"]))
        return web.Response(text=f"token={token}")

    async def _register(self, request: web.Request) -> web.Response:
        said = json.loads(await request.text())["web"]
        gcm = said["endpoint"].rpartition("/")[2]
        if gcm not in self._subscribed:
            return web.json_response({"error": {"code": 400}}, status=400)
        token = secrets.token_urlsafe(24)
        self._tokens[token] = (gcm, _decoded(said["p256dh"]), _decoded(said["auth"]))
        self.registered += 1
        return web.json_response({"token": token, "web": said})

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        listener: _Listener | None = None
        try:
            if self._faults.push_refused:
                return
            await reader.readexactly(1)
            listener = await self._login(reader, writer)
            while listener is not None:
                await self._hear(reader, listener)
        except asyncio.IncompleteReadError, OSError:
            pass
        finally:
            if listener is not None:
                self._listeners.remove(listener)
                self._notify()
            writer.close()

    async def _login(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> _Listener | None:
        _, body = await read_packet(reader)
        said = LoginRequest()
        said.ParseFromString(body)
        answer = LoginResponse(id=said.id)
        known = self._androids.get(said.user)
        if self._faults.push_login_refused or known is None or known != said.auth_token:
            answer.error.code = 401
            writer.write(bytes([_VERSION]) + packet(_LOGGED_IN, answer))
            return None
        self.logins += 1
        writer.write(bytes([_VERSION]) + packet(_LOGGED_IN, answer))
        listener = _Listener(said.user, writer)
        waiting = self._waiting.setdefault(said.user, {})
        for taken in said.received_persistent_id:
            waiting.pop(taken, None)
        for stanza in waiting.values():
            listener.send(_DATA, stanza)
        self._listeners.append(listener)
        self._notify()
        return listener

    async def _hear(self, reader: asyncio.StreamReader, listener: _Listener) -> None:
        tag, body = await read_packet(reader)
        if tag == _PING:
            listener.send(_ACK, HeartbeatAck())
        if tag == _IQ:
            said = IqStanza()
            said.ParseFromString(body)
            if said.extension.id == _SELECTIVE_ACK:
                taken = SelectiveAck()
                taken.ParseFromString(said.extension.data)
                for each in taken.id:
                    self._waiting[listener.android].pop(each, None)
                    self.acknowledged.append(each)
                self._notify()


def encrypted(content: bytes, receiver: bytes, auth: bytes, subtype: str) -> DataMessageStanza:
    """Return a message that only the holder of a key can read (draft aesgcm of RFC 8188)."""
    key, salt = ec.generate_private_key(ec.SECP256R1()), os.urandom(16)
    own = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    stanza = DataMessageStanza(category="org.chromium.linux")
    # The field's name is a word of the language.
    setattr(stanza, "from", "876313859327")
    stanza.app_data.add(key="crypto-key", value=f"dh={_encoded(own)}")
    stanza.app_data.add(key="encryption", value=f"salt={_encoded(salt)}")
    stanza.app_data.add(key="subtype", value=subtype)
    stanza.raw_data = http_ece.encrypt(
        content, salt=salt, private_key=key, dh=receiver, auth_secret=auth, version="aesgcm"
    )
    return stanza


def packet(tag: int, message: Message) -> bytes:
    """Return a message with its tag and length."""
    body: bytes = message.SerializeToString()
    length, head = len(body), bytearray([tag])
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    head.append(length)
    return bytes(head) + body


async def read_packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return the tag and the body of the next message."""
    tag, length, shift = (await reader.readexactly(1))[0], 0, 0
    while True:
        part = (await reader.readexactly(1))[0]
        length |= (part & 0x7F) << shift
        if part < 0x80:
            return tag, await reader.readexactly(length)
        shift += 7


def _encoded(content: bytes) -> str:
    # The library decodes these strictly, with their padding.
    return base64.urlsafe_b64encode(content).decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
