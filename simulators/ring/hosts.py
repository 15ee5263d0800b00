"""The names that the service answers under, and those of the push service it relies on."""

from typing import Final

TOKENS: Final = "oauth.ring.com"
API: Final = "api.ring.com"
APP: Final = "prd-api-us.prd.rings.solutions"
PICTURES: Final = "app-snaps.ring.com"
SIGNALLING: Final = "api.prod.signalling.ring.devices.a2z.com"
FILMS: Final = "films.example.com"
CHECK_IN: Final = "android.clients.google.com"
INSTALLATIONS: Final = "firebaseinstallations.googleapis.com"
REGISTRATIONS: Final = "fcmregistrations.googleapis.com"
MESSAGES: Final = "mtalk.google.com"
# All but MESSAGES, which is no HTTP.
WEB: Final = (TOKENS, API, APP, PICTURES, SIGNALLING, FILMS, CHECK_IN, INSTALLATIONS, REGISTRATIONS)
PUSH_WEB: Final = frozenset({CHECK_IN, INSTALLATIONS, REGISTRATIONS})
