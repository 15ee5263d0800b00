from collections.abc import Callable, Sequence
from typing import override

import pytest

from custom_components.camhub.kernel.model import Account, DeviceIdentity, Image
from custom_components.camhub.kernel.provider import Camera, Context, Provider, Switch
from custom_components.camhub.kernel.signin import Ask
from custom_components.camhub.kernel.spec import ProviderSpec


class Least(Provider):
    """All a provider has to bring."""

    @override
    async def connect(self) -> None:
        return

    @override
    async def cameras(self) -> Sequence[Camera]:
        return ()

    @override
    async def close(self) -> None:
        return


class NoStills:
    async def take(self, width: int | None = None) -> Image:
        raise NotImplementedError


async def test_the_rest_of_a_provider_has_defaults() -> None:
    provider = Least()
    assert [event async for event in provider.events()] == []
    assert provider.device() is None
    assert provider.health() is None
    assert provider.token_status() is None
    provider.follow(lambda _: None)
    await provider.remove()
    assert list(provider.problems()) == []
    assert provider.next_call_at() is None
    assert provider.endpoints() == ()
    assert provider.diagnostics() == {}


def test_a_provider_must_bring_the_rest() -> None:
    incomplete = type("Incomplete", (Provider,), {})
    with pytest.raises(TypeError, match="abstract methods 'cameras', 'close', 'connect'"):
        incomplete()


def test_cameras_are_equal_while_nothing_a_user_sees_has_changed() -> None:
    async def turn(on: bool) -> None:
        return

    identity = DeviceIdentity(name="Porch", manufacturer="Example")
    camera = Camera(id="1", identity=identity, controls=(Switch(key="siren", is_on=False, turn=turn),))
    same = Camera(
        id="1", identity=identity, stills=NoStills(), controls=(Switch(key="siren", is_on=False, turn=camera_off),)
    )
    assert camera == same
    assert camera != Camera(id="1", identity=identity, online=False)


async def camera_off(on: bool) -> None:
    return


def test_a_context_prints_no_credentials(make_context: Callable[..., Context]) -> None:
    assert "s3cret" not in repr(make_context({"password": "s3cret"}))


async def test_a_spec_opens_what_was_signed_in_to(make_context: Callable[..., Context]) -> None:
    async def sign_in(context: Context, ask: Ask) -> Account:
        return Account(title="Home", unique_id="1", match="1", credentials={})

    spec = ProviderSpec(key="least", name="Least", sign_in=sign_in, open=lambda _context: Least())
    assert isinstance(spec.open(make_context()), Least)
