"""The vendor's own page, opened beside the dialog, and the way back from it (OAuth 2.0)."""

from collections.abc import Mapping
from typing import Any, override

from homeassistant.core import HomeAssistant
from homeassistant.helpers.config_entry_oauth2_flow import (
    MY_AUTH_CALLBACK_PATH,
    LocalOAuth2Implementation,
    async_get_redirect_uri,
)
from yarl import URL

from .const import DOMAIN
from .kernel.signin import Answers, Consent


class ConsentPage(LocalOAuth2Implementation):
    """Home Assistant's way to a page and back; what comes back the provider trades for tokens itself.

    The client is the provider's too, so that its secret is sealed with the rest and stands in no other store.
    """

    def __init__(self, hass: HomeAssistant, question: Consent) -> None:
        """Take the address apart: Home Assistant puts it together again, with its own part."""
        url = URL(question.url)
        super().__init__(hass, DOMAIN, url.query.get("client_id", ""), "", str(url.with_query(None)), "")
        self._asked = {**url.query, "scope": " ".join(question.scopes)}

    @property
    @override
    def extra_authorize_data(self) -> dict[str, str]:
        return self._asked


def redirect_uri(hass: HomeAssistant) -> str:
    """Return where a vendor's page sends the user back to, for the user to enter there."""
    try:
        return async_get_redirect_uri(hass)
    except RuntimeError:
        # Nobody looks at the dialog yet: it began by itself.
        return MY_AUTH_CALLBACK_PATH


def answers_of(back: Mapping[str, Any]) -> Answers:
    """Return what came back as a sign-in's answers."""
    if "code" not in back:
        return {"error": str(back.get("error"))}
    return {"code": back["code"], "redirect_uri": back["state"]["redirect_uri"]}
