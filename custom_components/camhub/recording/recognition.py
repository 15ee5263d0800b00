"""Whose face is in a picture: asked of a collection of faces at Amazon Rekognition. Each picture asked about costs.

The client of AWS reads its descriptions from disk, so that it lives in a thread, with an event loop of its own.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final

from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore.exceptions import BotoCoreError, ClientError

from ..kernel.addresses import look_up
from ..kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable, Unsupported

# What AWS takes at most, in bytes of the picture itself.
LARGEST: Final = 5 * 2**20
_SECONDS: Final = 10
_REFUSED: Final = frozenset(
    {
        "AccessDeniedException",
        "ExpiredTokenException",
        "InvalidSignatureException",
        "UnrecognizedClientException",
    }
)
_BUSY: Final = frozenset({"ProvisionedThroughputExceededException", "ThrottlingException"})
# There is no face in the picture, or it is too small to tell.
_NOBODY: Final = frozenset({"InvalidParameterException"})


@dataclass(frozen=True, kw_only=True, slots=True)
class FaceSettings:
    """Where to ask and how sure to be; `similarity` is percent. An empty `endpoint` is AWS itself."""

    region: str
    collection: str
    key_id: str = field(repr=False)
    secret: str = field(repr=False)
    similarity: float = 95.0
    endpoint: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Face:
    """Somebody who is known; `similarity` is percent."""

    name: str
    similarity: float


class FaceSearch:
    """Asks about one picture at a time."""

    def __init__(self, settings: FaceSettings) -> None:
        """Ask nobody yet."""
        self._settings = settings
        self._turn = asyncio.Lock()

    async def who(self, picture: bytes) -> Face | None:
        """Return who is in a picture, None for nobody known; raises HubError."""
        if not (self._settings.key_id and self._settings.secret):
            # The client would look for keys of this machine's own, which nobody chose.
            raise AuthError("no key")
        if len(picture) > LARGEST:
            raise Malformed("the picture is too large", reason="recognition_picture")
        async with self._turn:
            return await asyncio.to_thread(asyncio.run, self._ask(picture))

    async def _ask(self, picture: bytes) -> Face | None:
        known = self._settings
        look_up(known.endpoint)
        config = AioConfig(
            connect_timeout=_SECONDS, read_timeout=_SECONDS, retries={"max_attempts": 0, "mode": "standard"}
        )
        try:
            async with AioSession().create_client(
                "rekognition",
                region_name=known.region,
                endpoint_url=known.endpoint or None,
                aws_access_key_id=known.key_id,
                aws_secret_access_key=known.secret,
                config=config,
            ) as client:
                answer = await client.search_faces_by_image(
                    CollectionId=known.collection,
                    Image={"Bytes": picture},
                    MaxFaces=1,
                    FaceMatchThreshold=known.similarity,
                    QualityFilter="AUTO",
                )
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in _NOBODY:
                return None
            raise _error_of(code) from None
        except (BotoCoreError, ValueError) as error:
            # Their words may hold the address, and so may a wrong one that is refused before it is used.
            raise Unreachable(type(error).__name__) from None
        return _face(answer)


def _error_of(code: str) -> HubError:
    if code in _REFUSED:
        return AuthError(code)
    if code in _BUSY:
        return Throttled(code)
    if code == "ResourceNotFoundException":
        return Unsupported(code, reason="recognition_no_collection")
    if code == "InvalidImageFormatException":
        return Malformed(code, reason="recognition_picture")
    return Unreachable(code)


def _face(answer: dict[str, Any]) -> Face | None:
    """Return the best match; a face without a name of its own is known by its number."""
    matches = answer.get("FaceMatches") or []
    if not matches:
        return None
    face = matches[0].get("Face", {})
    name = str(face.get("ExternalImageId") or face.get("FaceId") or "").replace("_", " ").strip()
    return Face(name=name, similarity=float(matches[0].get("Similarity", 0))) if name else None
