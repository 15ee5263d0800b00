"""An HTTP answer read the plain way, to tell what is to be expected of it."""

from contextlib import suppress
from dataclasses import dataclass, replace
import json
import re
from typing import Final

from camhub_pi.pattern import Pattern

from custom_components.camhub.kernel.model import JsonValue

START: Final = b"\xff\xd8"
END: Final = b"\xff\xd9"
PAGE_LIMIT: Final = 2**16
HEAD: Final = re.compile(rb"HTTP/1\.[01] (\d{3})( [\x20-\x7e]*)?(\r?\n[\w-]+:[\x20-\x7e\t]*)*", re.ASCII)
LENGTH: Final = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """An HTTP answer taken apart; `wire` is what the server sends, `status` None where it is no sound HTTP."""

    wire: bytes
    status: int | None
    head: str
    body: bytes

    def header(self, name: str) -> str:
        """Return a header's value, empty where it is missing."""
        found = re.search(rf"(?im)^{name}:[ \t]*([^\r\n]*)", self.head)
        return found[1].strip() if found else ""


def documents(body: bytes) -> list[JsonValue]:
    """Return the JSON document in it, nothing where there is none or one of a size that no status page has."""
    with suppress(ValueError, RecursionError):
        return [json.loads(body)] if len(body) <= PAGE_LIMIT else []
    return []


def taken_apart(wire: bytes) -> Answer:
    """Take an answer apart as its status line and head say: chunks are joined, what exceeds its length is cut off."""
    whole = re.match(rb"(.*?)\r?\n\r?\n(.*)\Z", wire, re.DOTALL)
    head, body = (whole[1], whole[2]) if whole else (wire, b"")
    status = HEAD.fullmatch(head) if whole else None
    answer = Answer(wire=wire, status=int(status[1]) if status else None, head=head.decode("latin-1"), body=body)
    if len(names := re.findall(r"(?m)^content-\w+(?=:)", answer.head.lower())) > len(set(names)):
        # Said twice, and who knows which holds.
        return replace(answer, status=None)
    if "chunked" in answer.header("transfer-encoding").lower():
        chunks = joined(body)
        return replace(answer, status=None) if chunks is None else replace(answer, body=chunks)
    if (length := answer.header("content-length")) and not LENGTH.fullmatch(length):
        return replace(answer, status=None)
    if length and len(body) > int(length):
        # What is left over may be taken for the next answer, which makes both worthless.
        return replace(answer, body=body[: int(length)], status=None)
    return answer


def joined(body: bytes) -> bytes | None:
    """Return what was sent in chunks, None where the last one is missing or one is spoilt."""
    whole = b""
    while size := re.match(rb"([0-9A-Fa-f]+)\r\n", body):
        begin, end = size.end(), size.end() + int(size[1], 16)
        if body[end : end + 2] != b"\r\n":
            return None
        if begin == end:
            return None if body[end + 2 :] else whole
        whole += body[begin:end]
        body = body[end + 2 :]
    return None


def wrapped(content_type: str, body: bytes, status: int = 200) -> Answer:
    """Return the answer that a document comes in."""
    head = f"HTTP/1.0 {status} Recorded\r\nContent-Type: {content_type}"
    return Answer(wire=f"{head}\r\n\r\n".encode() + body, status=status, head=head, body=body)


def with_a_body(answer: Answer) -> Answer:
    """Return an answer of which only the head was recorded with a body of the kind it announces."""
    if answer.body:
        return answer
    head = re.sub(r"(?im)\r?\ncontent-length:[^\r\n]*", "", answer.head).strip()
    content_type, body = answer.header("content-type").lower(), b""
    if answer.status == 200 and content_type.startswith("image/"):
        body = a_picture()
    elif answer.status == 200 and content_type.startswith("multipart/") and (boundary := boundary_of(answer)):
        body = b"--%b\r\nContent-Type: image/jpeg\r\n\r\n%b\r\n--%b\r\n" % (boundary, a_picture(), boundary)
    wire = "\r\n".join([*head.splitlines(), "", ""]).encode("latin-1") + body
    return Answer(wire=wire, status=answer.status, head=head, body=body)


def a_picture() -> bytes:
    return Pattern(32, 24).jpeg(0)


def boundary_of(answer: Answer) -> bytes:
    """Return the boundary of a stream without the dashes that it may be named with, empty where none is named."""
    named = re.search(r'boundary\s*=\s*(?:"([^"]*)"|([^\s;]+))', answer.header("content-type"), re.IGNORECASE)
    return (named[1] or named[2] or "").lstrip("-").encode("latin-1") if named else b""


def is_sound(jpeg: bytes) -> bool:
    """Return whether segments and scans follow each other up to the end mark; what is spoilt may be left out."""
    segment = re.compile(rb"\xff+([\xc0-\xcf\xda-\xfe])(..)", re.DOTALL)
    scan = re.compile(rb"(?:[^\xff]|\xff[\x00\xd0-\xd7])*")
    at = len(START)
    while found := segment.match(jpeg, at):
        at = found.start(2) + int.from_bytes(found[2])
        if found[1] == b"\xda" and (rest := scan.match(jpeg, at)):
            at = rest.end()
    return jpeg.startswith(START) and jpeg[at:] == END


def is_cut(jpeg: bytes) -> bool:
    """Return whether the last end mark stands inside a segment, as that of a thumbnail does."""
    segment = re.compile(rb"\xff+([\xc0-\xcf\xda-\xfe])(..)", re.DOTALL)
    at = len(START)
    while found := segment.match(jpeg, at):
        at = found.start(2) + int.from_bytes(found[2])
    return jpeg.rfind(END) < at


def as_sent(picture: bytes, wire: bytes) -> bytes:
    """Return a picture without the standard tables, where it was sent without any."""
    return picture if picture in wire else re.sub(rb"\xff\xc4\x01\xa2[\s\S]{416}", b"", picture, count=1)


def parts_of(answer: Answer) -> list[bytes]:
    """Return the bodies of a stream's parts the plain way: between boundary lines, after a blank line."""
    boundary = boundary_of(answer)
    if not boundary:
        return []
    pieces = re.split(rb"(?:\A|\r?\n)-*" + re.escape(boundary) + rb"(?:--)?[ \t]*(?:\r?\n|\Z)", b"\n" + answer.body)
    found: list[bytes] = []
    for piece in pieces:
        if piece.strip():
            head, *bodies = re.split(rb"\r?\n\r?\n", piece, maxsplit=1)
            body = bodies[0].rstrip(b"\r\n") if bodies else head
            said = re.search(rb"(?i)content-length:\s*(\d+)", head)
            # At the end of the stream, one that is shorter than was said has been cut off.
            short = piece is pieces[-1] and said is not None and int(said[1]) > len(body)
            kind = re.search(rb"(?i)content-type:\s*([^\r\n;]+)", head)
            other = kind is not None and not kind[1].lower().startswith(b"image/")
            found.append(b"" if short or other else body)
    return found
