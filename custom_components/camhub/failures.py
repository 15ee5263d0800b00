"""Maps a HubError to Home Assistant's exceptions, for polling and for actions."""

from collections.abc import Iterator
from contextlib import contextmanager

from homeassistant.exceptions import ConfigEntryAuthFailed, HomeAssistantError, ServiceValidationError
from homeassistant.helpers.update_coordinator import UpdateFailed

from .const import DOMAIN
from .kernel.errors import AuthError, HubError, Throttled, Unsupported


def update_failure(error: HubError, again_in: float | None = None) -> HomeAssistantError:
    """Return the exception for a failed poll; `again_in` is the earliest retry in seconds."""
    key, words = error.reason, error.placeholders
    if isinstance(error, AuthError):
        return ConfigEntryAuthFailed(translation_domain=DOMAIN, translation_key=key, translation_placeholders=words)
    return UpdateFailed(
        retry_after=error.retry_after if isinstance(error, Throttled) else again_in,
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders=words,
    )


def sentence(error: HubError) -> str:
    """Return an error as a translated sentence, for where Home Assistant takes only text."""
    return str(
        HomeAssistantError(
            translation_domain=DOMAIN, translation_key=error.reason, translation_placeholders=error.placeholders
        )
    )


@contextmanager
def action_errors() -> Iterator[None]:
    """Turn a HubError inside into a translated exception of the action."""
    try:
        yield
    except HubError as error:
        kind = ServiceValidationError if isinstance(error, Unsupported) else HomeAssistantError
        raise kind(
            translation_domain=DOMAIN,
            translation_key=error.reason,
            translation_placeholders=error.placeholders,
        ) from error
