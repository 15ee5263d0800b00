"""Why a camera is dark, asked of the real process by who may and who may not."""

from typing import Any

from .background import Background
from .house import House
from .person import Answer, Person

ACTION = "/api/services/camhub/why_dark?return_response"


async def why(house: House, who: Person) -> Answer:
    return await who.ask(ACTION, "POST", json={"entity_id": house.entity("orchard")})


def test_why_is_it_dark(background: Background, house: House) -> None:
    answer = background.run(why(house, house.admin))
    assert answer.status == 200, answer.text
    said: Any = answer.json["service_response"][house.entity("orchard")]
    results = {row["check"]: row["result"] for row in said["checks"]}
    assert [results[check] for check in ("name", "address", "login", "listing", "online", "still")] == ["ok"] * 6
    assert said["verdict"]
    assert said["next_step"]
    assert said["addresses"]
    allowed: Any = background.run(why(house, house.people["allowed"])).json
    assert "addresses" not in allowed["service_response"][house.entity("orchard")]
    assert background.run(why(house, house.people["elsewhere"])).status in {401, 403}
