"""Sends bytes as they come from a camera, no faster than a user's limits allow."""

from collections.abc import AsyncIterator

from aiohttp import web

from .const import LOGGER
from .kernel.errors import HubError
from .stream_request import Watch


async def async_pipe(
    watch: Watch, response: web.StreamResponse, first: bytes, chunks: AsyncIterator[bytes]
) -> web.StreamResponse:
    """Send the first bytes and then the rest; once the headers are sent an error ends it quietly."""
    await response.prepare(watch.request)
    try:
        await _send(watch, response, first)
        async for chunk in chunks:
            if watch.usage.spent(watch.limits):
                break
            await _send(watch, response, chunk)
        else:
            return response
    except HubError as error:
        LOGGER.debug("What %s sent broke off: %s", watch.entity_id, error.reason)
    # The client was promised more, so that it must not wait on this connection.
    response.force_close()
    return response


async def _send(watch: Watch, response: web.StreamResponse, data: bytes) -> None:
    if wait := watch.usage.wait(watch.limits):
        await watch.coordinator.clock.sleep(wait)
    await response.write(data)
    watch.usage.count(len(data), watch.limits)
