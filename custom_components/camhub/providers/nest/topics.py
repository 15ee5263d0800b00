"""Where events come from: a topic that Device Access publishes on, and a subscription of it (protocols.md 2.5)."""

from collections.abc import Awaitable, Sequence
import secrets
from typing import Final

from google_nest_sdm.admin_client import DEFAULT_TOPIC_IAM_POLICY, AdminClient
from google_nest_sdm.exceptions import ConfigurationException

from ...kernel.errors import Malformed, Unsupported
from ...kernel.reading import Object, child, objects
from .client import UNREADABLE, Client
from .reading import text

_OURS: Final = "camhub-"
_MANAGED: Final = "projects/sdm-prod/topics/enterprise-{project}"


class Topics:
    """Finds and makes topics and subscriptions of one cloud project; raises HubError."""

    def __init__(self, client: Client) -> None:
        """Ask nothing yet."""
        self._settings = client.settings
        self._admin = AdminClient(client.pubsub, client.settings.cloud_project)

    @property
    def managed(self) -> str:
        """Return the topic that Device Access made for a project until 2025, whether it is there or not."""
        return _MANAGED.format(project=self._settings.project)

    async def topics(self) -> Sequence[str]:
        """Return the topics there are, that of Device Access itself first."""
        found = [self.managed] if await self._has_managed() else []
        return [*found, *await _read(self._admin.list_topics(self._cloud))]

    async def subscriptions(self, topic: str) -> Sequence[str]:
        """Return the subscriptions of a topic that messages can be asked of, those made by CamHub first."""
        listed = objects(await _read(self._admin.list_subscriptions(self._cloud)))
        found = [text(each.get("name")) for each in listed if each.get("topic") == topic and _can_be_asked(each)]
        return sorted((name for name in found if name), key=lambda name: not is_ours(name))

    async def make_topic(self) -> str:
        """Make a topic that Device Access may publish on, and return its name."""
        name = f"{self._cloud}/topics/{_OURS}{secrets.token_hex(5)}"
        await _read(self._admin.create_topic(name))
        await _read(self._admin.set_topic_iam_policy(name, DEFAULT_TOPIC_IAM_POLICY))
        return name

    async def subscribe(self, topic: str) -> str:
        """Make a subscription of a topic, and return its name."""
        name = f"{self._cloud}/subscriptions/{_OURS}{secrets.token_hex(5)}"
        await _read(self._admin.create_subscription(topic, name))
        return name

    async def unsubscribe(self, subscription: str) -> None:
        """Delete a subscription."""
        await _read(self._admin.delete_subscription(subscription))

    @property
    def _cloud(self) -> str:
        return f"projects/{self._settings.cloud_project}"

    async def _has_managed(self) -> bool:
        """Return whether Device Access made a topic: nobody may look at it, and that shows that it is there."""
        try:
            await _read(self._admin.get_topic(self.managed))
        except Unsupported as error:
            return error.reason == "pubsub_forbidden"
        return True


def is_ours(subscription: str) -> bool:
    """Return whether a subscription was made by CamHub, here or in another Home Assistant."""
    return subscription.rpartition("/")[2].startswith(_OURS)


def _can_be_asked(subscription: Object) -> bool:
    """Return whether Google keeps messages to be asked for: it may also send or write them elsewhere."""
    elsewhere = (child(subscription, key) for key in ("pushConfig", "bigqueryConfig", "cloudStorageConfig"))
    return not any(elsewhere) and subscription.get("detached") is not True


async def _read[T](asking: Awaitable[T]) -> T:
    try:
        return await asking
    except (*UNREADABLE, ConfigurationException) as error:
        failure = Malformed(f"topics: {type(error).__name__}")
    raise failure
