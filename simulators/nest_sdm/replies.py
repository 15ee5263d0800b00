"""Errors as Google's services word them."""

from typing import Any, Final

from aiohttp import web

STATUSES: Final = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "DEADLINE_EXCEEDED": 504,
}


class ApiError(Exception):
    """An answer that is an error, by the name of its status."""

    def __init__(self, status: str, message: str) -> None:
        """Take a status of `STATUSES`."""
        super().__init__(message)
        self.status = status

    def response(self) -> web.Response:
        """Return the answer."""
        code = STATUSES[self.status]
        error: dict[str, Any] = {"code": code, "message": str(self), "status": self.status}
        if self.status == "RESOURCE_EXHAUSTED":
            error["errors"] = [{"message": str(self), "domain": "global", "reason": "rateLimitExceeded"}]
        return web.json_response({"error": error}, status=code)
