"""The errors a provider may raise.

HubError
├── AuthError      credentials refused           -> ask the user again; stop asking the vendor
├── Unreachable    no answer in time, 5xx        -> try again later
│   └── Throttled  asked to wait (`retry_after`) -> try again no sooner than that
├── Malformed      an answer we cannot read      -> try again later, and count it
├── Unsupported    this camera cannot do that    -> asked again after an hour
└── WrongKey       sealed with another key       -> nothing is overwritten; the user restores the key

Each carries a `reason`, the slug of its sentence in the translations (`exceptions.<reason>` and
`config.error.<reason>`), and the placeholders of that sentence. Neither ever holds a secret.
"""

from collections.abc import Mapping
from typing import ClassVar


class HubError(Exception):
    """Base of all that may go wrong between CamHub and a camera."""

    default_reason: ClassVar[str] = "unknown"

    def __init__(
        self,
        message: str = "",
        *,
        reason: str | None = None,
        placeholders: Mapping[str, str] | None = None,
    ) -> None:
        """Keep the technical message for the log and the slug of the sentence for the user."""
        self.reason = reason or self.default_reason
        self.placeholders = dict(placeholders or {})
        super().__init__(message or self.reason)


class AuthError(HubError):
    """The credentials were refused; asking again with the same ones may lock the account."""

    default_reason = "invalid_auth"


class Unreachable(HubError):
    """No usable answer in time: network, restart or server fault."""

    default_reason = "cannot_connect"


class Throttled(Unreachable):
    """The vendor asked to wait; `retry_after` is seconds, or None if it did not say."""

    default_reason = "throttled"

    def __init__(
        self,
        message: str = "",
        *,
        retry_after: float | None = None,
        reason: str | None = None,
        placeholders: Mapping[str, str] | None = None,
    ) -> None:
        """Remember how long to stay silent."""
        self.retry_after = retry_after
        super().__init__(message, reason=reason, placeholders=placeholders)


class Malformed(HubError):
    """The answer arrived but is not what the protocol promises."""

    default_reason = "malformed"


class Unsupported(HubError):
    """The camera, its model or the account's rights do not allow the request."""

    default_reason = "unsupported"


class WrongKey(HubError):
    """A sealed value does not open with the key at hand."""

    default_reason = "wrong_key"
