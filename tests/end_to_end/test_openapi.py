"""docs/openapi.json and the running server say the same, whatever schemathesis thinks of to ask."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, override

from hypothesis import HealthCheck, settings
import pytest
import requests
import schemathesis
from schemathesis.config import SchemathesisConfig

from tests.webrtc_viewer import Viewer

from .background import Background
from .house import House
from .person import MOST

CAMERA: Final = "orchard"
SECONDS: Final = 60.0
# The house lives in a thread of this process; what it draws from `random` is not the tests' own chance.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "openapi.json"
CONFIG: Final = SchemathesisConfig.from_dict(
    {
        "checks": {
            # What a camera that is off or slow answers stands in the document too.
            "not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx", 503, 504]},
            # Any text is an offer, a name of a file or a recording as far as a schema can tell.
            "positive_data_acceptance": {"enabled": False},
        },
        # What is no HTTP is answered by the server below, before any of this.
        "generation": {"allow-extra-parameters": False, "with-security-parameters": False},
    }
)
schemathesis.serializer.alias("application/sdp", "text/plain")
type Case = schemathesis.Case[Any]
API: Final = schemathesis.openapi.from_path(DOCUMENT, config=CONFIG)
BOUNDED: Final = settings(
    max_examples=6,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


class Bounded(requests.Session):
    """Reads only the beginning of an answer: some never end."""

    @override
    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        response = super().request(*args, **(kwargs | {"stream": True, "timeout": SECONDS}))
        read = b""
        for chunk in response.iter_content(2**12):
            read += chunk
            if len(read) >= MOST or response.headers["Content-Type"].startswith("multipart/"):
                break
        response.close()
        response._content, response._content_consumed = read, True
        return response


@pytest.fixture
def session() -> Iterator[Bounded]:
    with Bounded() as opened:
        yield opened


@API.parametrize()
@BOUNDED
def test_whatever_is_asked(house: House, session: Bounded, case: Case) -> None:
    case.call_and_validate(base_url=house.admin.url, headers=house.admin.headers, session=session)


async def names(house: House) -> dict[str, str]:
    """Return what stands in paths, of a camera that has everything."""
    recordings = (await house.admin.ask(house.path(CAMERA, "recordings"))).json
    async with Viewer() as viewer:
        offer = {"sdp": await viewer.offer()}
        live = (await house.admin.ask(house.path(CAMERA, "webrtc"), "POST", json=offer)).json
    picture = await house.admin.command(
        "call_service",
        domain="camhub",
        service="picture_link",
        target={"entity_id": house.entity(CAMERA)},
        return_response=True,
    )
    return {
        "picture": picture["response"][house.entity(CAMERA)]["picture"].partition("?")[0].rpartition("/")[2],
        "camera_key": house.streams[CAMERA]["camera_key"],
        "file": "master_playlist.m3u8",
        "recording": recordings[0]["id"],
        "session": live["session"].rpartition("/")[2],
    }


@pytest.fixture(scope="module")
def real(background: Background, house: House) -> dict[str, str]:
    return background.run(names(house))


@API.parametrize()
@BOUNDED
def test_whatever_is_asked_of_a_real_camera(house: House, session: Bounded, real: dict[str, str], case: Case) -> None:
    case.path_parameters = {name: real[name] for name in case.path_parameters}
    case.call_and_validate(base_url=house.admin.url, headers=house.admin.headers, session=session)
