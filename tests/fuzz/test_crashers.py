"""Inputs that once ended in something else than an error of ours; each is told by what was wrong with it."""

from base64 import urlsafe_b64encode
from typing import Final

import pytest

from .targets import run

EARLY: Final = b"0001-01-01T00:00:00+14:00"
LATE: Final = b"9999-12-31T23:59:59Z"
# A label that begins as a foreign one does and is none; it fails when the host is looked at, not before.
NO_LABEL: Final = "xn--a\x80".encode()
MATCH: Final = (
    b"<CMSearchResult><matchList><searchMatchItem><trackID>101</trackID><timeSpan><startTime>%b</startTime>"
    b"<endTime>%b</endTime></timeSpan><mediaSegmentDescriptor><playbackURI>%b</playbackURI></mediaSegmentDescriptor>"
    b"</searchMatchItem></matchList></CMSearchResult>"
)
ISSUE: Final = (
    b"https://accounts.google.com/o/oauth2/iframerpc?action=issueToken&response_type=x&login_hint=x&client_id=x&scope=x"
    b"&ss_domain=x&origin="
)
AT: Final = b"2026-01-02T03:04:05Z"

CRASHERS: Final = {
    "an address with a host that is none": ("addresses", b"http://{}/"),
    "an address with a name of no script": ("addresses", b"http://" + NO_LABEL),
    "an alert before the first year": (
        "alert-xml",
        b"<EventNotificationAlert><eventType>VMD</eventType><dateTime>"
        + EARLY
        + b"</dateTime></EventNotificationAlert>",
    ),
    "a recording before the first year": ("isapi-search", MATCH % (EARLY, AT, b"rtsp://192.0.2.1/")),
    "a recording without an end that can be told": ("isapi-search", MATCH % (AT, LATE, b"rtsp://192.0.2.1/")),
    "a recording at no port": ("isapi-search", MATCH % (AT, AT, b"rtsp://192.0.2.1:port/")),
    "a sign-in from no port": ("issue-token", ISSUE + b"https://home.nest.com:port"),
    "a sign-in from no name": ("issue-token", ISSUE + b"https://" + NO_LABEL),
    "cookies among very many spaces": ("issue-token", b"SIDCC=a;" + b" " * 2**15 + b"x"),
    "pictures at a host of no script": (
        "legacy-answers",
        b'{"objects":[{"object_key":"quartz.a","value":{"nexus_api_http_server_url":"https://' + NO_LABEL + b'"}}]}',
    ),
    "a message before the first year": (
        "nest-message",
        b'{"timestamp":"' + EARLY + b'","resourceUpdate":{"name":"enterprises/p/devices/d"}}',
    ),
    "a redirect to brackets": ("redirect", b"//[]@"),
    "an address in brackets": ("addresses", b"http://[]@"),
    "a sign-in from brackets": ("issue-token", ISSUE + b"https://[]@"),
    "a token with brackets in it": ("issue-token", b'{"[]039"}@'),
    "a redirect to a host of no script": ("redirect", b"//" + NO_LABEL + b"/"),
    "a device with a very long number": ("ring-devices", b'{"doorbots":[{"id":"' + b"9" * 5000 + b'"}]}'),
    "a ring before the first year": (
        "ring-history",
        b'[{"id":1,"kind":"ding","created_at":"' + EARLY + b'"}]',
    ),
    "a ring after the last year": ("ring-history", b'[{"id":1,"kind":"ding","created_at":"' + LATE + b'"}]'),
    "a recording of endless length": (
        "ring-history",
        b'[{"id":1,"kind":"ding","created_at":"' + AT + b'","duration":1e308}]',
    ),
    "a pause with a separator of units": ("sign-in-headers", b"0\x1f"),
    "a challenge with a line end": ("sign-in-headers", b'Digest realm="x", nonce="n", opaque="a\r\nb"'),
    "a metadata address with a NUL behind it": ("metadata", b"0xa9fea9fe\0"),
    "a nonce of bytes that no header can hold": ("sign-in-headers", b'nextnonce="\xff"'),
    "a cookie of bytes that no header can hold": ("cookies", b"SIDCC=\xff; Path=/"),
    "a recording's name with the last second of time": (
        "stream-key",
        urlsafe_b64encode(b'[253402300799,253402300799,"id"]').rstrip(b"="),
    ),
    "a recording's name with the first second of time": (
        "stream-key",
        urlsafe_b64encode(b'[-62135596800,0,"id"]').rstrip(b"="),
    ),
}


@pytest.mark.timeout(100)
@pytest.mark.parametrize("case", CRASHERS)
def test_what_once_broke_a_reader(case: str) -> None:
    run(*CRASHERS[case])
