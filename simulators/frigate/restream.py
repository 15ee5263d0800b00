"""The go2rtc inside a server, as far as the server lets others reach it."""

from collections.abc import Mapping
import itertools
import json

from aiohttp import web

from simulators.webrtc import NoCommonCodecError, Sender, Senders


class Restream:
    """Answers offers and plays HLS; `offers` are the streams that were asked for, `sessions` the HLS ones alive.

    `senders` are the WebRTC viewers there are.
    """

    def __init__(self, streams: Mapping[str, object], dark: set[str]) -> None:
        """Take the streams there are and those whose source cannot be opened."""
        self._streams = streams
        self._dark = dark
        self._numbers = itertools.count(1)
        self.offers: list[str] = []
        self.sessions: set[str] = set()
        self.senders = Senders()

    async def webrtc(self, request: web.Request) -> web.Response:
        """Answer an offer in the form it came: JSON, WHEP or bare SDP."""
        source = request.query.get("src", "")
        if source not in self._streams:
            return web.Response(status=404, text="stream not found\n")
        if source in self._dark:
            return web.Response(status=500, text="streams: dial tcp 192.0.2.30:554: i/o timeout\n")
        self.offers.append(source)
        body = await request.text()
        as_json = request.content_type == "application/json"
        try:
            answer = await self.senders.answer(Sender(label=source), json.loads(body)["sdp"] if as_json else body)
        except NoCommonCodecError:
            return web.Response(status=500, text="streams: codecs not matched: video:H264 => video:VP8\n")
        except ValueError as error:
            return web.Response(status=500, text=f"webrtc: {error}\n")
        if as_json:
            return web.json_response({"type": "answer", "sdp": answer})
        if request.content_type == "application/sdp":
            return web.Response(status=201, text=answer, content_type="application/sdp")
        return web.Response(text=answer)

    def hls(self, path: str, query: Mapping[str, str]) -> web.Response:
        """Answer a playlist or a segment below `/api/go2rtc/api/`."""
        lists = "application/vnd.apple.mpegurl"
        if path == "stream.m3u8":
            source = query.get("src", "")
            if source not in self._streams:
                return web.Response(status=404, text="stream not found\n")
            if source in self._dark:
                return web.Response(body=b"", content_type=lists)
            session = f"session{next(self._numbers)}"
            self.sessions.add(session)
            head = '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=192000,CODECS="avc1.640029"\n'
            return web.Response(text=f"{head}hls/playlist.m3u8?id={session}", content_type=lists)
        session = query.get("id", "")
        if session not in self.sessions:
            return web.Response(status=404, text="404 page not found\n")
        if path == "hls/playlist.m3u8":
            head = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:7\n"
            text = f"{head}#EXTINF:0.500,\nsegment.ts?id={session}&n=7\n"
            return web.Response(text=text, content_type=lists)
        return web.Response(body=b"\x47" + bytes(187), content_type="video/mp2t")
