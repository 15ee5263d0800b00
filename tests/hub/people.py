"""Four people: one who administers, one who may see the cameras, one who reads other things, one without rights."""

from homeassistant.auth.const import GROUP_ID_ADMIN, GROUP_ID_READ_ONLY, GROUP_ID_USER
from homeassistant.auth.models import Group
from homeassistant.auth.permissions.types import PolicyType
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import CLIENT_ID, MockUser

ELSEWHERE: PolicyType = {"entities": {"entity_ids": {"light.kitchen": {"read": True}}}}
PEOPLE = ("admin", "allowed", "elsewhere", "nothing")


async def person(hass: HomeAssistant, kind: str) -> MockUser:
    """Return a new user of that kind."""
    match kind:
        case "admin":
            groups = [await group(hass, GROUP_ID_ADMIN)]
        case "allowed":
            groups = [await group(hass, GROUP_ID_USER)]
        case "reader":
            groups = [await group(hass, GROUP_ID_READ_ONLY)]
        case "elsewhere":
            groups = [Group(name="Kitchen", policy=ELSEWHERE)]
        case _:
            groups = [Group(name="Nobody", policy={})]
    user = MockUser(name=kind, groups=groups)
    user.perm_lookup = (await hass.auth.async_create_system_user("lookup")).perm_lookup
    return user.add_to_hass(hass)


async def group(hass: HomeAssistant, group_id: str) -> Group:
    """Return one of Home Assistant's own groups."""
    found = await hass.auth.async_get_group(group_id)
    assert found is not None
    return found


async def token_of(hass: HomeAssistant, user: MockUser) -> str:
    """Return an access token."""
    refresh = await hass.auth.async_create_refresh_token(user, CLIENT_ID)
    return hass.auth.async_create_access_token(refresh)
