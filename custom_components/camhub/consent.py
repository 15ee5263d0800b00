"""The vendor's consent page and the redirect back from it (OAuth 2.0)."""

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
    """Home Assistant's OAuth redirect; the provider itself exchanges the code for tokens.

    The client credentials are the provider's as well, so that the secret is encrypted with the rest and stored nowhere
    else.
    """

    def __init__(self, hass: HomeAssistant, question: Consent) -> None:
        """Split the URL: Home Assistant rebuilds it with its own parameters."""
        url = URL(question.url)
        super().__init__(hass, DOMAIN, url.query.get("client_id", ""), "", str(url.with_query(None)), "")
        self._asked = {**url.query, "scope": " ".join(question.scopes)}

    @property
    @override
    def extra_authorize_data(self) -> dict[str, str]:
        return self._asked


def redirect_uri(hass: HomeAssistant) -> str:
    """Return the redirect URI, for the user to register with the vendor."""
    try:
        return async_get_redirect_uri(hass)
    except RuntimeError:
        # The flow was started by Home Assistant and no browser shows it yet.
        return MY_AUTH_CALLBACK_PATH


def answers_of(back: Mapping[str, Any]) -> Answers:
    """Return the parameters of the redirect as answers of a sign-in."""
    if "code" not in back:
        return {"error": str(back.get("error"))}
    return {"code": back["code"], "redirect_uri": back["state"]["redirect_uri"]}
