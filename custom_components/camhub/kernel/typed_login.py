"""What a user types as a login."""

from .errors import AuthError
from .secret import Credentials, Secret
from .signin import Answers


def typed_login(answers: Answers, earlier: Credentials) -> tuple[str, Secret]:
    """Return user name and password; an empty password stands for the earlier one of the same user.

    Raises AuthError `username_missing` or `password_missing`.
    """
    given = Credentials(answers)
    username, password = given.text("username").strip(), given.secret("password")
    if not username:
        raise AuthError("no user given", reason="username_missing")
    if not password and username == earlier.text("username"):
        password = earlier.secret("password")
    if not password:
        raise AuthError("no password given", reason="password_missing")
    return username, password
