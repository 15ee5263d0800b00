"""A whole recorded device: what it answers, and what can be told of it by looking at the dump alone."""

from collections import Counter
from collections.abc import Iterator, Mapping
import json
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from aiohttp import web

JPEG = b"\xff\xd8\xff\xd9"
INPUTS = "System/Video/inputs/channels"
PROXIES = "ContentMgmt/InputProxy/channels"


def unparse(name: str, value: Any) -> str:
    """Return the XML that xmltodict read: `@x` are attributes, `#text` is text, a list repeats its element."""
    if isinstance(value, list):
        return "".join(unparse(name, each) for each in value)
    if not isinstance(value, Mapping):
        return f"<{name}/>" if value is None else f"<{name}>{escape(str(value))}</{name}>"
    attributes = "".join(f" {key[1:]}={quoteattr(str(each))}" for key, each in value.items() if key[0] == "@")
    inside = "".join(unparse(key, each) for key, each in value.items() if key[0] not in "@#")
    return f"<{name}{attributes}>{escape(str(value.get('#text') or ''))}{inside}</{name}>"


def dump_of(body: bytes) -> Dump | None:
    """Return a file as a dump, None if it is something else."""
    try:
        value = json.loads(body)
    except ValueError:
        return None
    paths = value.get("data", {}).get("ISAPI") if isinstance(value, dict) else None
    return Dump(paths) if isinstance(paths, dict) else None


class Dump:
    """Answers by path below `/ISAPI/`: `{"response": ...}` or `{"status_code": ...}`."""

    def __init__(self, paths: Mapping[str, Mapping[str, Any]]) -> None:
        self.paths = paths

    async def handle(self, request: web.Request) -> web.Response:
        """Answer as the device did; pictures of the streams it answered for are added, all else is not found."""
        path = request.path.removeprefix("/ISAPI/")
        if path.endswith("/picture") and path.removesuffix("/picture") in self.paths:
            path = path.removesuffix("/picture")
            if "response" in self.paths[path]:
                return web.Response(body=JPEG, content_type="image/jpeg")
        answer = self.paths.get(path, {"status_code": 404})
        if "status_code" in answer:
            return web.Response(status=int(answer["status_code"]))
        text = "".join(unparse(name, value) for name, value in answer["response"].items())
        return web.Response(text=f'<?xml version="1.0" encoding="UTF-8"?>\n{text}', content_type="application/xml")

    def root(self, path: str, name: str) -> Mapping[str, Any] | None:
        """Return the root element of an answer, None if it was refused or is another."""
        found = self.paths.get(path, {}).get("response") or {}
        value = found.get(name)
        return value if isinstance(value, dict) else ({} if name in found else None)

    def listed(self, path: str, root: str, item: str) -> list[Mapping[str, Any]] | None:
        """Return the items of a list, None if there is no list."""
        found = self.root(path, root)
        if found is None:
            return None
        items = found.get(item) or []
        return items if isinstance(items, list) else [items]

    @property
    def about(self) -> Mapping[str, Any]:
        """Return `DeviceInfo`; raises KeyError where there is none."""
        found: Mapping[str, Any] = self.paths["System/deviceInfo"]["response"]["DeviceInfo"]
        return found

    @property
    def inputs(self) -> dict[str, Mapping[str, Any]] | None:
        """Return the video inputs in use, by camera id."""
        found = self.listed(INPUTS, "VideoInputChannelList", "VideoInputChannel")
        if found is None:
            return None
        return {f"input-{each['id']}": each for each in found if each.get("videoInputEnabled") != "false"}

    @property
    def proxies(self) -> dict[str, Mapping[str, Any]] | None:
        """Return the IP channels, by camera id."""
        found = self.listed(PROXIES, "InputProxyChannelList", "InputProxyChannel")
        return None if found is None else {f"proxy-{each['id']}": each for each in found}

    def proxy_serials(self) -> Counter[str]:
        """Return how often each serial number is given to an IP channel."""
        return Counter(
            str((each.get("sourceInputPortDescriptor") or {}).get("serialNumber"))
            for each in (self.proxies or {}).values()
        )

    def rtsp_port(self) -> int:
        """Return the port of RTSP, 554 if the device does not say."""
        ports = self.listed("Security/adminAccesses", "AdminAccessProtocolList", "AdminAccessProtocol") or []
        return next((int(each["portNo"]) for each in ports if each.get("protocol") == "RTSP"), 554)

    def known_streams(self) -> set[str]:
        """Return the ids of the streams that the device answered for or listed."""
        single = {
            path.rpartition("/")[2]
            for path, answer in self.paths.items()
            if path.startswith("Streaming/channels/") and "response" in answer
        }
        listed = self.listed("Streaming/channels", "StreamingChannelList", "StreamingChannel") or []
        return single | {str(each["id"]) for each in listed}

    def notified(self) -> Iterator[tuple[str, str]]:
        """Yield event type and channel of the triggers that tell the surveillance centre."""
        for each in self.listed("Event/triggers", "EventTriggerList", "EventTrigger") or []:
            channel = each.get("videoInputChannelID") or each.get("dynVideoInputChannelID")
            if channel and '"center"' in json.dumps(each.get("EventTriggerNotificationList")):
                yield str(each["eventType"]), str(channel)
