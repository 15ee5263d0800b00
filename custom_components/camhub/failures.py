"""What Home Assistant makes of an error from below: of the account while it is read, and of an action for who asked."""

from collections.abc import Iterator
from contextlib import contextmanager

from homeassistant.exceptions import ConfigEntryAuthFailed, HomeAssistantError, ServiceValidationError
from homeassistant.helpers.update_coordinator import UpdateFailed

from .const import DOMAIN
from .kernel.errors import AuthError, HubError, Throttled, Unsupported


def update_failure(error: HubError, again_in: float | None = None) -> HomeAssistantError:
    """Return what Home Assistant makes of an error while an account is read, which may be tried again so soon."""
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
    """Return an error in words, as they are shown where Home Assistant takes text only."""
    return str(
        HomeAssistantError(
            translation_domain=DOMAIN, translation_key=error.reason, translation_placeholders=error.placeholders
        )
    )


@contextmanager
def action_errors() -> Iterator[None]:
    """Turn an error inside into the sentence for the user who asked."""
    try:
        yield
    except HubError as error:
        kind = ServiceValidationError if isinstance(error, Unsupported) else HomeAssistantError
        raise kind(
            translation_domain=DOMAIN,
            translation_key=error.reason,
            translation_placeholders=error.placeholders,
        ) from error
