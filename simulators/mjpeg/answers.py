"""What a path may answer with."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

type Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]
type Frames = Callable[[], AsyncIterator[bytes]]

_TEXTS = {200: "OK", 301: "Moved Permanently", 302: "Found", 401: "Unauthorized", 404: "Not Found"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Style:
    """How a server writes its stream: `boundary` as on the wire, `named` as in the header (None: the same)."""

    boundary: str = "FRAME"
    named: str | None = None
    content_type: str = "multipart/x-mixed-replace; boundary={}"
    line_end: str = "\r\n"
    lengths: bool = True
    first_boundary: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)
    part_headers: Mapping[str, str] = field(default_factory=dict)
    wrong_by: int = 0


def head(status: int, headers: Iterable[tuple[str, str]], version: str = "1.0") -> bytes:
    """Return the first lines of an answer."""
    lines = [f"HTTP/{version} {status} {_TEXTS.get(status, 'Status')}", *(f"{key}: {value}" for key, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode()


def page(
    body: bytes | str,
    content_type: str,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    *,
    sized: bool = True,
) -> Answer:
    """Answer with a document; not `sized` leaves its end to the end of the connection."""
    content = body.encode() if isinstance(body, str) else body

    async def answer(writer: asyncio.StreamWriter) -> None:
        fields = [("Content-Type", content_type), *(headers or {}).items()]
        fields += [("Content-Length", str(len(content)))] if sized else []
        writer.write(head(status, fields) + content)

    return answer


def picture(jpeg: bytes, headers: Mapping[str, str] | None = None) -> Answer:
    """Answer with one JPEG."""
    return page(jpeg, "image/jpeg", headers=headers)


def redirect(location: str, status: int = 301) -> Answer:
    """Answer with another address."""
    return page(b"", "text/plain", status, {"Location": location})


def raw(content: bytes) -> Answer:
    """Answer with bytes that may be no HTTP at all."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(content)

    return answer


async def silence(_writer: asyncio.StreamWriter) -> None:
    """Answer nothing and keep the connection."""
    await asyncio.Event().wait()


def burst(pictures: Sequence[bytes], *, then_hold: bool = True) -> Frames:
    """Give all pictures at once, and then nothing more, or the end."""

    async def frames() -> AsyncIterator[bytes]:
        for each in pictures:
            yield each
        if then_hold:
            await asyncio.Event().wait()

    return frames


def stream(frames: Frames, style: Style | None = None) -> Answer:
    """Answer with a stream."""
    chosen = style or Style()

    async def answer(writer: asyncio.StreamWriter) -> None:
        named = chosen.boundary if chosen.named is None else chosen.named
        fields = [("Content-Type", chosen.content_type.format(named))] if chosen.content_type else []
        writer.write(head(200, [*chosen.headers.items(), *fields]))
        end = chosen.line_end.encode()
        line = f"--{chosen.boundary}".encode() + end
        if chosen.first_boundary:
            writer.write(line)
        async for jpeg in frames():
            writer.write(_part(jpeg, chosen) + end + line)
            await writer.drain()

    return answer


def _part(jpeg: bytes, style: Style) -> bytes:
    fields = {"Content-Type": "image/jpeg", **style.part_headers}
    if style.lengths:
        fields["Content-Length"] = str(len(jpeg) + style.wrong_by)
    lines = [f"{key}: {value}" for key, value in fields.items()]
    return style.line_end.join([*lines, "", ""]).encode() + jpeg
