"""The one operation SearchFacesByImage of Amazon Rekognition: AWS JSON 1.1, with the signature (version 4) checked.

Source: Amazon Rekognition API reference, SearchFacesByImage; AWS General Reference, Signature Version 4.
"""

from base64 import b64decode
import hashlib
import hmac
import json
from typing import Any, Final, Self

from aiohttp import web

OPERATION: Final = "RekognitionService.SearchFacesByImage"
KEY_ID: Final = "AKIAEXAMPLE000000000"


class RekognitionSimulator:
    """One collection of faces; a picture shows whom the test says."""

    def __init__(self, secret: str = "example-secret", collection: str = "family") -> None:  # noqa: S107 - an invented one
        """Know nobody yet."""
        self.secret = secret
        self.collection = collection
        self.url = ""
        self.asked: list[bytes] = []
        # What is seen in a picture, by its bytes: name and similarity; an empty name is a face nobody knows.
        self.faces: dict[bytes, tuple[str, float]] = {}
        self.failure: tuple[int, str] | None = None
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        """Start on a free port of loopback."""
        app = web.Application(client_max_size=8 * 2**20)
        app.router.add_post("/", self._answer)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        if request.headers.get("X-Amz-Target") != OPERATION:
            return _error(400, "UnknownOperationException")
        if f"Credential={KEY_ID}/" not in request.headers.get("Authorization", ""):
            return _error(400, "UnrecognizedClientException")
        if not self._is_signed(request, body):
            return _error(400, "InvalidSignatureException")
        if self.failure is not None:
            return _error(*self.failure)
        asked = json.loads(body)
        if asked["CollectionId"] != self.collection:
            return _error(400, "ResourceNotFoundException")
        picture = b64decode(asked["Image"]["Bytes"])
        self.asked.append(picture)
        if picture not in self.faces:
            return _error(400, "InvalidParameterException")
        name, similarity = self.faces[picture]
        found: list[dict[str, Any]] = []
        if name and similarity >= asked["FaceMatchThreshold"]:
            found = [{"Similarity": similarity, "Face": {"FaceId": "0", "ExternalImageId": name, "Confidence": 99.9}}]
        answer = {"SearchedFaceConfidence": 99.5, "FaceMatches": found[: asked["MaxFaces"]], "FaceModelVersion": "7.0"}
        return web.json_response(answer, content_type="application/x-amz-json-1.1")

    def _is_signed(self, request: web.Request, body: bytes) -> bool:
        """Tell whether the request is signed with the secret, as Signature Version 4 describes."""
        scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
        parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
        _, day, region, service, end = parts["Credential"].split("/")
        names = parts["SignedHeaders"].split(";")
        headers = "".join(f"{name}:{' '.join(request.headers[name].split())}\n" for name in names)
        canonical = "\n".join(["POST", "/", "", headers, parts["SignedHeaders"], hashlib.sha256(body).hexdigest()])
        scope = f"{day}/{region}/{service}/{end}"
        hashed = hashlib.sha256(canonical.encode()).hexdigest()
        text = "\n".join([scheme, request.headers["X-Amz-Date"], scope, hashed])
        key = f"AWS4{self.secret}".encode()
        for part in (day, region, service, end):
            key = hmac.digest(key, part.encode(), "sha256")
        return hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), parts["Signature"])


def _error(status: int, kind: str) -> web.Response:
    return web.json_response(
        {"__type": kind, "message": "example"}, status=status, content_type="application/x-amz-json-1.1"
    )
