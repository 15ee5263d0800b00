"""Sends a camera's bytes to a client within the user's limits."""

from collections.abc import AsyncIterator

from aiohttp import web

from .const import LOGGER
from .kernel.errors import HubError
from .stream_request import Watch


async def async_pipe(
    watch: Watch, response: web.StreamResponse, first: bytes, chunks: AsyncIterator[bytes]
) -> web.StreamResponse:
    """Send the first bytes and the rest; an error after the headers just ends the response."""
    await response.prepare(watch.request)
    promised, sent = response.content_length, len(first)
    try:
        await _send(watch, response, first)
        async for chunk in chunks:
            if watch.usage.spent(watch.limits):
                break
            await _send(watch, response, chunk)
            sent += len(chunk)
        else:
            if promised is None or sent == promised:
                return response
    except HubError as error:
        LOGGER.debug("What %s sent broke off: %s", watch.entity_id, error.reason)
    # The client was promised more and must not wait for it on this connection.
    response.force_close()
    if (transport := watch.request.transport) is not None and promised is None:
        # Only a reset connection tells that a body of unknown length is incomplete.
        transport.abort()
    return response


async def _send(watch: Watch, response: web.StreamResponse, data: bytes) -> None:
    if wait := watch.usage.wait(watch.limits):
        await watch.coordinator.clock.sleep(wait)
    await response.write(data)
    watch.usage.count(len(data), watch.limits)
