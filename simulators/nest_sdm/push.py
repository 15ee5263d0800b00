"""The push side of Pub/Sub over gRPC (`google.pubsub.v1.Subscriber`), behind a proxy that leads its real name here.

gRPC resolves names by itself, so the way to a simulator that leaves a client as it is leads through a proxy: the
variable `grpc_proxy` holds its address, `GRPC_DEFAULT_SSL_ROOTS_FILE_PATH` the authority that signed the certificate.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
import contextlib
from typing import Any, Final, override

from google import pubsub_v1
import grpc
import grpc.aio

from .faults import Faults
from .oauth import PUBSUB, Tokens
from .pubsub import PubSub, Subscription
from .replies import ApiError

HOST: Final = "pubsub.googleapis.com"
_METHOD: Final = "/google.pubsub.v1.Subscriber/StreamingPull"
_CODES: Final = {
    "UNAUTHENTICATED": grpc.StatusCode.UNAUTHENTICATED,
    "PERMISSION_DENIED": grpc.StatusCode.PERMISSION_DENIED,
}


class _Handlers(grpc.GenericRpcHandler):
    """Finds the one method there is."""

    def __init__(self, pull: Callable[..., AsyncIterator[pubsub_v1.StreamingPullResponse]]) -> None:
        self._pull = pull

    @override
    def service(self, handler_call_details: Any) -> Any:
        if handler_call_details.method != _METHOD:
            return None
        return grpc.stream_stream_rpc_method_handler(
            self._pull,
            request_deserializer=pubsub_v1.StreamingPullRequest.deserialize,
            response_serializer=pubsub_v1.StreamingPullResponse.serialize,
        )


class Push:
    """Streaming pulls of all subscriptions; `changed` is called after each change.

    `listeners` counts the pulls that are open, `opened` those there have been, `connections` what was dialled for them:
    gRPC may serve the pull of a client who has hung up already.
    """

    def __init__(self, pubsub: PubSub, tokens: Tokens, faults: Faults, changed: Callable[[], None]) -> None:
        """Serve nothing yet."""
        self.listeners = 0
        self.opened = 0
        self.connections = 0
        self._pubsub = pubsub
        self._tokens = tokens
        self._faults = faults
        self._changed = changed
        self._server: grpc.aio.Server | None = None
        self._proxy: asyncio.Server | None = None
        self._pipes: set[asyncio.Task[None]] = set()
        self._drops = 0
        self._gently = False
        self._port = 0

    async def start(self, pair: tuple[bytes, bytes], proxy_port: int = 0) -> str:
        """Listen, with key and certificate, and return the address of the proxy."""
        self._server = grpc.aio.server()
        self._server.add_generic_rpc_handlers([_Handlers(self._pull)])
        self._port = self._server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
        await self._server.start()
        self._proxy = await asyncio.start_server(self._connect, "127.0.0.1", proxy_port)
        return f"http://127.0.0.1:{self._proxy.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Hang up on everybody; may be called twice."""
        if self._proxy is not None:
            self._proxy.close()
            self._proxy = None
        if self._server is not None:
            await self._server.stop(None)
            self._server = None
        pipes = tuple(self._pipes)
        for task in pipes:
            task.cancel()
        await asyncio.gather(*pipes, return_exceptions=True)

    def drop(self, *, gently: bool = False) -> None:
        """End every pull, as Google does now and then, with an error or without."""
        self._gently = gently
        self._drops += 1
        self._pubsub.wake()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Open a way for one connection, to the one host there is."""
        if (task := asyncio.current_task()) is not None:
            self._pipes.add(task)
            task.add_done_callback(self._pipes.discard)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            self.connections += 1
            if self._faults.deaf_push:
                await asyncio.Event().wait()
            if not head.startswith(f"CONNECT {HOST}:443 ".encode()):
                writer.write(b"HTTP/1.1 404 Not Found\r\n\r\n")
                writer.close()
                return
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._port)
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            try:
                async with asyncio.TaskGroup() as pipes:
                    pipes.create_task(_pour(reader, inner_writer))
                    pipes.create_task(_pour(inner_reader, writer))
            finally:
                writer.close()
                inner_writer.close()

    async def _pull(
        self, requests: AsyncIterator[pubsub_v1.StreamingPullRequest], context: Any
    ) -> AsyncIterator[pubsub_v1.StreamingPullResponse]:
        """Serve one streaming pull."""
        if self._faults.silent_push:
            await asyncio.Event().wait()
        subscription = await self._admitted(await anext(aiter(requests)), context)
        drops = self._drops
        reading = asyncio.ensure_future(self._read(requests, subscription))
        self.listeners += 1
        self.opened += 1
        self._changed()
        try:
            while drops == self._drops:
                if found := subscription.due(self._pubsub.monotonic()):
                    yield _response(found)
                    continue
                async with subscription.news:
                    await subscription.news.wait()
            if not self._gently:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "The service was unable to fulfill your request.")
        finally:
            reading.cancel()
            self.listeners -= 1
            self._changed()

    async def _admitted(self, first: pubsub_v1.StreamingPullRequest, context: Any) -> Subscription:
        """Return the subscription; ends the call with a status where there is none, or no right to it."""
        metadata = dict(context.invocation_metadata())
        try:
            self._tokens.grant_of(str(metadata.get("authorization", "")), PUBSUB)
        except ApiError as error:
            await context.abort(_CODES[error.status], str(error))
        found = self._pubsub.subscriptions.get(first.subscription)
        if found is None:
            name = first.subscription.rpartition("/")[2]
            await context.abort(grpc.StatusCode.NOT_FOUND, f"Resource not found (resource={name}).")
            raise LookupError(name)
        return found

    async def _read(self, requests: AsyncIterator[pubsub_v1.StreamingPullRequest], subscription: Subscription) -> None:
        async for request in requests:
            subscription.acknowledge(list(request.ack_ids))
            self._changed()


def _response(found: list[tuple[str, Any]]) -> pubsub_v1.StreamingPullResponse:
    return pubsub_v1.StreamingPullResponse(
        received_messages=[
            pubsub_v1.ReceivedMessage(
                ack_id=key,
                message=pubsub_v1.PubsubMessage(data=each.data, message_id=str(each.number)),
                delivery_attempt=0,
            )
            for key, each in found
        ]
    )


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    writer.close()
