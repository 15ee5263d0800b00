"""What an account is made of: the project, the OAuth client, the subscription, and where Google is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from ...kernel.model import JsonValue
from ...kernel.secret import Credentials, Secret

API: Final = "https://smartdevicemanagement.googleapis.com/v1"
PUBSUB: Final = "https://pubsub.googleapis.com/v1"
TOKENS: Final = "https://www.googleapis.com/oauth2/v4/token"
USERINFO: Final = "https://www.googleapis.com/oauth2/v3/userinfo"
CONSENT: Final = "https://nestservices.google.com/partnerconnections/{project}/auth"
DEVICES_SCOPE: Final = "https://www.googleapis.com/auth/sdm.service"
EVENTS_SCOPE: Final = "https://www.googleapis.com/auth/pubsub"
# For the account's title only: whoever declines it is let in all the same.
EMAIL_SCOPE: Final = "https://www.googleapis.com/auth/userinfo.email"
SCOPES: Final = (DEVICES_SCOPE, EVENTS_SCOPE, EMAIL_SCOPE)

# Minutes between two pictures of a camera that may run on battery, unless something moves.
FLOOR_KEY: Final = "battery_floor"
FLOOR_MIN: Final = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What does not change between two sign-ins; without a subscription there are no events.

    `made` is whether the subscription was made by us, for this account.
    """

    project: str
    cloud_project: str
    client_id: str
    secret: Secret
    topic: str = ""
    subscription: str = field(default="", repr=False)
    made: bool = False

    @classmethod
    def load(cls, stored: Credentials) -> Self:
        """Read stored credentials, or what was typed."""
        return cls(
            project=stored.text("project_id").strip(),
            cloud_project=stored.text("cloud_project_id").strip(),
            client_id=stored.text("client_id").strip(),
            secret=Secret(stored.text("client_secret").strip()),
            topic=stored.text("topic"),
            subscription=stored.text("subscription"),
            made=stored.flag("subscription_made"),
        )

    def stored(self) -> Mapping[str, JsonValue]:
        """Return this as it is stored."""
        return {
            "project_id": self.project,
            "cloud_project_id": self.cloud_project,
            "client_id": self.client_id,
            "client_secret": self.secret.reveal(),
            "topic": self.topic,
            "subscription": self.subscription,
            "subscription_made": self.made,
        }

    @property
    def enterprise(self) -> str:
        """Return the project as the service names it."""
        return f"enterprises/{self.project}"
