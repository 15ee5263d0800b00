import json
import logging

import pytest

from custom_components.camhub.kernel.secret import HIDDEN, Credentials, Secret


def test_a_secret_shows_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret("s3cret")
    logging.getLogger("test").warning("%s %r %s", secret, secret, [secret])
    shown = f"{secret} {secret!r} {secret:>10} {{}}".format(secret) + caplog.text
    assert "s3cret" not in shown
    assert HIDDEN in shown


def test_a_secret_keeps_the_width_asked_for() -> None:
    assert f"{Secret('x'):>6}" == "   ***"


def test_a_secret_is_given_only_when_asked_for() -> None:
    assert Secret("s3cret").reveal() == "s3cret"


def test_a_secret_cannot_slip_into_json() -> None:
    with pytest.raises(TypeError):
        json.dumps({"password": Secret("s3cret")})


def test_secrets_compare_by_what_they_hide() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


def test_an_empty_secret_is_false() -> None:
    assert not Secret("")
    assert Secret("x")


def test_credentials_are_a_mapping_that_prints_its_keys() -> None:
    credentials = Credentials({"username": "ann", "password": "s3cret", "port": 80})
    assert repr(credentials) == "Credentials(password, port, username)"
    assert dict(credentials) == {"username": "ann", "password": "s3cret", "port": 80}
    assert len(credentials) == 3
    assert credentials["port"] == 80
    assert "s3cret" not in str(credentials)


def test_credentials_are_a_copy() -> None:
    given = {"username": "ann"}
    credentials = Credentials(given)
    given["username"] = "bob"
    assert credentials["username"] == "ann"


def test_missing_credentials_have_a_default() -> None:
    credentials = Credentials()
    assert len(credentials) == 0
    assert credentials.text("x") == ""
    assert credentials.text("x", "y") == "y"
    assert credentials.flag("x") is False
    assert credentials.flag("x", default=True) is True
    assert not credentials.secret("x")


def test_credentials_are_given_in_the_shape_wanted() -> None:
    credentials = Credentials({"port": 80, "tls": False, "password": "s3cret", "none": None})
    assert credentials.text("port") == "80"
    assert credentials.flag("tls", default=True) is False
    assert credentials.secret("password") == Secret("s3cret")
    assert credentials.text("none", "y") == "y"
