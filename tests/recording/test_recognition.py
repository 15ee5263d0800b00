from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from custom_components.camhub.kernel.errors import AuthError, HubError, Malformed, Throttled, Unreachable, Unsupported
from custom_components.camhub.recording.recognition import LARGEST, Face, FaceSearch, FaceSettings
from simulators.rekognition import RekognitionSimulator
from simulators.rekognition.server import KEY_ID

PICTURE = b"a picture of Ann"


@pytest.fixture
async def aws() -> AsyncIterator[RekognitionSimulator]:
    async with RekognitionSimulator() as aws:
        aws.faces[PICTURE] = ("Ann_Example", 98.5)
        yield aws


@pytest.fixture
def settings(aws: RekognitionSimulator) -> FaceSettings:
    return FaceSettings(
        region="eu-west-1", collection=aws.collection, key_id=KEY_ID, secret=aws.secret, endpoint=aws.url
    )


async def test_somebody_known_is_named(aws: RekognitionSimulator, settings: FaceSettings) -> None:
    assert await FaceSearch(settings).who(PICTURE) == Face(name="Ann Example", similarity=98.5)
    assert aws.asked == [PICTURE]


async def test_who_is_not_alike_enough_or_not_there_is_nobody(
    aws: RekognitionSimulator, settings: FaceSettings
) -> None:
    assert await FaceSearch(replace(settings, similarity=99.0)).who(PICTURE) is None
    assert await FaceSearch(settings).who(b"an empty yard") is None
    assert len(aws.asked) == 2


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        ((400, "ThrottlingException"), Throttled),
        ((400, "AccessDeniedException"), AuthError),
        ((400, "InvalidImageFormatException"), Malformed),
        ((500, "InternalServerError"), Unreachable),
    ],
)
async def test_what_is_refused_is_said(
    aws: RekognitionSimulator, settings: FaceSettings, failure: tuple[int, str], expected: type[HubError]
) -> None:
    aws.failure = failure
    with pytest.raises(expected):
        await FaceSearch(settings).who(PICTURE)


async def test_a_wrong_key_secret_or_collection(aws: RekognitionSimulator, settings: FaceSettings) -> None:
    for wrong in (replace(settings, key_id="AKIAOTHER"), replace(settings, secret="other")):
        with pytest.raises(AuthError):
            await FaceSearch(wrong).who(PICTURE)
    with pytest.raises(Unsupported) as caught:
        await FaceSearch(replace(settings, collection="nobody")).who(PICTURE)
    assert caught.value.reason == "recognition_no_collection"
    with pytest.raises(AuthError):
        await FaceSearch(replace(settings, secret="")).who(PICTURE)
    assert aws.asked == []


async def test_nobody_answers_or_too_large_a_picture(settings: FaceSettings) -> None:
    for endpoint in ("http://127.0.0.1:9", "nowhere"):
        with pytest.raises(Unreachable):
            await FaceSearch(replace(settings, endpoint=endpoint)).who(PICTURE)
    with pytest.raises(Malformed):
        await FaceSearch(settings).who(bytes(LARGEST + 1))


async def test_a_metadata_service_is_not_asked(settings: FaceSettings) -> None:
    with pytest.raises(Unsupported) as caught:
        await FaceSearch(replace(settings, endpoint="http://169.254.169.254")).who(PICTURE)
    assert caught.value.reason == "address_forbidden"


def test_secrets_are_not_printed(settings: FaceSettings) -> None:
    assert settings.secret not in repr(settings)
    assert KEY_ID not in repr(settings)
