"""The push line: registered once, heard by the push library, dialled again by us (protocols.md 4.4, peers.md R5)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
import random
from typing import Any, Final, override

from firebase_messaging import FcmPushClient, FcmPushClientConfig, FcmRegisterConfig
from firebase_messaging.fcmpushclient import ErrorType
from firebase_messaging.fcmregister import FcmRegister
from ring_doorbell.const import (
    API_URI,
    API_VERSION,
    DOORBELLS_ENDPOINT,
    FCM_API_KEY,
    FCM_APP_ID,
    FCM_PROJECT_ID,
    FCM_RING_SENDER_ID,
    SUBSCRIPTION_ENDPOINT,
)

from ...kernel.errors import AuthError, HubError, Throttled, Unreachable
from ...kernel.model import JsonValue
from ...kernel.policy import Backoff
from ...kernel.reading import Object, child, text
from ...kernel.waiting import first_of
from .client import Client
from .parse import Sighting, Unit, pushed
from .reading import identifier

# The subscription lapses after about a day in some countries (protocols.md 4.3).
SUBSCRIBED: Final = timedelta(hours=12)
CHECKED_IN: Final = timedelta(hours=24)
LOGIN_S: Final = 30.0
WAITS: Final = Backoff(first=2, factor=2, maximum=600, jitter=1)
# A line that held for so long has earned a quick redial.
GOOD_SPELL_S: Final = 300.0
# Restarts in a row, without a message between, after which a line counts as dead; so does one down for so long.
FRUITLESS: Final = 3
DOWN: Final = timedelta(minutes=30)
# A message about something older says nothing of the line as it is now.
RECENT: Final = timedelta(minutes=2)


class _Receiver(FcmPushClient):
    """The library's listener, which one unreadable message would otherwise end, again at each dial."""

    def __init__(self, *given: Any, logged_in: Callable[[], None], unread: Callable[[], None], **named: Any) -> None:
        super().__init__(*given, **named)
        self._logged_in = logged_in
        self._unread = unread

    @override
    async def _handle_message(self, msg: Any) -> None:
        await super()._handle_message(msg)
        if self.is_started():
            self._logged_in()

    @override
    def _handle_data_message(self, msg: Any) -> None:
        # Whatever decryption runs into: the message is then acknowledged and gone.
        with suppress(Exception):
            super()._handle_data_message(msg)
            return
        self._unread()

    @property
    def login_refused(self) -> bool:
        """Return whether it ended because its registration is not accepted."""
        return bool(self.sequential_error_counters.get(ErrorType.LOGIN))


class PushLine:
    """Listens for one account; `up_since` is since when (aware), `restarts` how often it was found deaf."""

    def __init__(self, client: Client, hear: Callable[[Sighting], None], dropped: Callable[[], None]) -> None:
        """Dial nothing yet; `hear` takes what is told, `dropped` is called whenever the line has gone."""
        self._client = client
        self._clock = client.clock
        self._counters = client.context.counters
        self._hear = hear
        self._dropped = dropped
        self._deaf = asyncio.Event()
        self._up = asyncio.Event()
        self._fruitless = 0
        self._unfit = False
        self._down_since: datetime | None = None
        self._subscribed: tuple[str, datetime] | None = None
        self._asked_for: set[str] = set()
        self._checked_in: datetime | None = None
        self.up_since: datetime | None = None
        self.restarts = 0
        self.reason: str | None = None

    @property
    def dead(self) -> bool:
        """Return whether restarting does not help."""
        down = self._down_since is not None and self._clock.now() - self._down_since >= DOWN
        return down or self._fruitless >= FRUITLESS

    def restart(self) -> None:
        """Dial again, since something happened that was not told."""
        self.restarts += 1
        self._fruitless += 1
        self._unfit = self._fruitless == FRUITLESS
        self._deaf.set()

    async def run(self, units: Callable[[], Awaitable[Sequence[Unit]]]) -> None:
        """Listen until cancelled, for the cameras there are at each dial; raises AuthError."""
        waits = WAITS.delays(random.random)
        self._down_since = self._down_since or self._clock.now()
        while True:
            begun, pause = self._clock.monotonic(), 0.0
            try:
                await self._listen(await units())
                self.reason = None
            except AuthError:
                raise
            except HubError as error:
                self.reason = error.reason
                self._counters.count(f"push.{error.reason}")
                pause = error.retry_after or 0.0 if isinstance(error, Throttled) else 0.0
            if self._clock.monotonic() - begun >= GOOD_SPELL_S:
                waits = WAITS.delays(random.random)
            self._dropped()
            await self._clock.sleep(max(next(waits), pause))

    async def _listen(self, units: Sequence[Unit]) -> None:
        """Listen until the line drops, is found deaf, or has to be subscribed again."""
        registration = await self._registration()
        await self._subscribe(str(_token(registration)), units)
        receiver = _Receiver(
            self._take,
            _config(),
            dict(registration),
            config=_quick(),
            http_client_session=self._client.session,
            logged_in=self._logged_in,
            unread=lambda: self._counters.count("push.unreadable"),
        )
        self._deaf.clear()
        self._up.clear()
        await receiver.start()
        try:
            await self._until_over(receiver.tasks[0])
        finally:
            self.up_since, self._down_since = None, self._down_since or self._clock.now()
            await _stopped(receiver)
        if receiver.login_refused or self._unfit:
            # Another registration may do better; the service is told of it at the next dial.
            self._unfit = False
            await self._client.stored.put("push", None)

    async def _until_over(self, listening: asyncio.Task[None]) -> None:
        await first_of(listening, self._up.wait(), self._clock.sleep(LOGIN_S))
        if self.up_since is not None:
            await first_of(listening, self._deaf.wait(), self._clock.sleep(SUBSCRIBED.total_seconds()))

    def _logged_in(self) -> None:
        """Note that the line is up; told with every message."""
        if self.up_since is None:
            self.up_since, self._down_since = self._clock.now(), None
            self._up.set()

    def _take(self, message: dict[str, JsonValue], _persistent_id: str, _context: object) -> None:
        self._counters.count("push.messages")
        sighting = pushed(message)
        if sighting is None:
            return
        if self._clock.now() - sighting.at <= RECENT:
            self._fruitless = 0
        self._hear(sighting)

    async def _registration(self) -> Object:
        """Return the registration that is stored, else a new one; raises Unreachable."""
        known, now = self._client.stored.part("push"), self._clock.now()
        register = FcmRegister(_config(), dict(known) or None, http_client_session=self._client.session)
        if _token(known) is None:
            known = await _library(register.register())
            if _token(known) is None:
                raise Unreachable("no registration", reason="push_unavailable")
            await self._client.stored.put("push", known)
        elif self._checked_in is None or now - self._checked_in >= CHECKED_IN:
            own = child(known, "gcm")
            checking = register.gcm_check_in(identifier(own.get("android_id")), identifier(own.get("security_token")))
            if await _library(checking) is None:
                raise Unreachable("no check-in", reason="push_unavailable")
        else:
            return known
        self._checked_in = now
        return known

    async def _subscribe(self, token: str, units: Sequence[Unit]) -> None:
        """Tell the service where pushes go, twice a day and whenever that changes; raises HubError."""
        now = self._clock.now()
        before, at = self._subscribed or ("", now)
        if before != token or now - at >= SUBSCRIBED:
            await self._client.meet(anew=self._subscribed is not None)
            await self._send_to(token)
            self._subscribed = (token, now)
            self._asked_for.clear()
        for unit in units:
            for wanted in unit.unsubscribed:
                await self._ask_for(f"{DOORBELLS_ENDPOINT.format(unit.number)}/{wanted}")

    async def _send_to(self, token: str) -> None:
        metadata: dict[str, JsonValue] = {
            "api_version": API_VERSION,
            "device_model": self._client.ring.auth.get_device_model(),
            "pn_dict_version": "2.0.0",
            "pn_service": "fcm",
        }
        device: dict[str, JsonValue] = {"metadata": metadata, "os": "android", "push_notification_token": token}
        try:
            await self._client.request("PATCH", API_URI + SUBSCRIPTION_ENDPOINT, said={"device": device})
        except AuthError, Unreachable:
            raise
        except HubError as error:
            raise Unreachable("the service refuses the registration", reason="push_refused") from error

    async def _ask_for(self, path: str) -> None:
        """Ask for a camera's pushes until that is answered; its owner may refuse, and the others push all the same."""
        if path in self._asked_for:
            return
        try:
            await self._client.request("POST", API_URI + path)
        except AuthError:
            raise
        except HubError as error:
            self._counters.count(f"subscribe.{error.reason}")
            if isinstance(error, Unreachable):
                return
        self._asked_for.add(path)


def _config() -> FcmRegisterConfig:
    return FcmRegisterConfig(FCM_PROJECT_ID, FCM_APP_ID, FCM_API_KEY, FCM_RING_SENDER_ID)


def _quick() -> FcmPushClientConfig:
    """Return what lets the library give up at the first fault: how to go on is decided here."""
    return FcmPushClientConfig(
        server_heartbeat_interval=60,
        client_heartbeat_interval=120,
        monitor_interval=15,
        connection_retry_count=1,
        start_seconds_before_retry_connect=0,
        reset_interval=0,
        abort_on_sequential_error_count=1,
    )


async def _stopped(receiver: _Receiver) -> None:
    await receiver.stop()
    for task in receiver.tasks:
        task.cancel()
    await asyncio.gather(*receiver.tasks, return_exceptions=True)


def _token(registration: Object) -> str | None:
    return text(child(registration, "fcm", "registration").get("token"))


async def _library[T](call: Awaitable[T]) -> T:
    """Return what a function of the push library returns, which raises whatever its parsing runs into."""
    (told,) = await asyncio.gather(call, return_exceptions=True)
    if isinstance(told, BaseException):
        raise Unreachable(type(told).__name__, reason="push_unavailable")
    return told
