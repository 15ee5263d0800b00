"""The partner connections manager: the pages on which a user shares devices with a client."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
import html
from typing import Final

from aiohttp import web
from yarl import URL

from .devices import Device
from .faults import Faults
from .oauth import SDM, Grant, OAuthClient, Tokens

_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>body{{font:16px sans-serif;max-width:32em;margin:3em auto}}label{{display:block;margin:.5em 0}}</style>
</head><body><h1>{title}</h1>{body}</body></html>
"""


class ConsentPages:
    """Shows what is shared, and sends the user back with a code."""

    def __init__(
        self,
        tokens: Tokens,
        faults: Faults,
        *,
        projects: Collection[str],
        devices: Callable[[], Sequence[Device]],
        user: str,
        now: Callable[[], datetime],
    ) -> None:
        """Take the Device Access projects there are and who is signed in to the browser."""
        self._tokens = tokens
        self._faults = faults
        self._projects = projects
        self._devices = devices
        self._user = user
        self._now = now

    async def answer(self, request: web.Request, project: str) -> web.Response:
        """Answer the address that a client sends its user to, or what the user did there."""
        query = request.query
        client = self._tokens.clients.get(query.get("client_id", ""))
        if client is None:
            return _error(401, "Error 401: invalid_client", "The OAuth client was not found.")
        if not {query.get("redirect_uri", ""), "*"} & client.redirects:
            return _error(400, "Error 400: redirect_uri_mismatch", "You can't sign in to this app.")
        if project not in self._projects:
            return _error(404, "Can't link to this partner", "Can't find the partner.")
        if self._faults.no_consent:
            return _error(403, "Error 403: access_denied", "The developer hasn't given you access to this app.")
        if request.method == "GET":
            return self._form(client)
        return await self._done(request, client)

    def _form(self, client: OAuthClient) -> web.Response:
        boxes = "".join(
            f'<label><input type="checkbox" name="device" value="{html.escape(each.id)}" checked>'
            f" {html.escape(each.name or each.room)}</label>"
            for each in self._devices()
        )
        body = (
            f"<p>{html.escape(client.cloud_project)} wants to see and control devices of"
            f" {html.escape(self._user)}.</p>"
            f'<form method="post">{boxes}<button name="choice" value="allow">Allow</button>'
            ' <button name="choice" value="cancel">Cancel</button></form>'
        )
        return web.Response(text=_PAGE.format(title="Choose what to share", body=body), content_type="text/html")

    async def _done(self, request: web.Request, client: OAuthClient) -> web.Response:
        form, query = await request.post(), request.query
        back = URL(query["redirect_uri"])
        if form.get("choice") != "allow":
            raise web.HTTPSeeOther(back.update_query(error="access_denied", state=query.get("state", "")))
        grant = Grant(
            client=client,
            user=self._user,
            scopes=frozenset(query.get("scope", SDM).split()),
            devices=frozenset(str(each) for each in form.getall("device", [])),
            since=self._now(),
        )
        code = self._tokens.code(grant, query["redirect_uri"])
        scope = " ".join(sorted(grant.scopes))
        raise web.HTTPSeeOther(back.update_query(state=query.get("state", ""), code=code, scope=scope))


def _error(status: int, title: str, told: str) -> web.Response:
    page = _PAGE.format(title=title, body=f"<p>{told}</p>")
    return web.Response(text=page, status=status, content_type="text/html")
