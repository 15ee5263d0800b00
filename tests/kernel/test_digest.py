"""The examples of RFC 2617 3.5 and RFC 7616 3.9.1, and headers as devices really write them."""

import pytest

from custom_components.camhub.kernel.digest import Challenge, DigestSigner, parameters, read_challenges, strongest


def test_signs_like_rfc_2617(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda _: "0a4f113b")
    header = (
        'Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
        'opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    )
    (challenge,) = read_challenges([header])
    signed = DigestSigner(challenge, "Mufasa", "Circle Of Life").authorization("GET", "/dir/index.html")
    assert parameters(signed) == {
        "username": "Mufasa",
        "realm": "testrealm@host.com",
        "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093",
        "uri": "/dir/index.html",
        "qop": "auth",
        "nc": "00000001",
        "cnonce": "0a4f113b",
        "response": "6629fae49393a05397450978507c4ef1",
        "opaque": "5ccc069c403ebaf9f0171e9517f40e41",
    }


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_signs_like_rfc_7616(monkeypatch: pytest.MonkeyPatch, algorithm: str, response: str) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda _: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")
    header = (
        f'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
        'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    (challenge,) = read_challenges([header])
    signer = DigestSigner(challenge, "Mufasa", "Circle of Life")
    assert parameters(signer.authorization("get", "/dir/index.html"))["response"] == response
    assert parameters(signer.authorization("GET", "/dir/index.html"))["nc"] == "00000002"


def test_names_with_quotes_are_escaped_and_hashed_as_they_are() -> None:
    (challenge,) = read_challenges([r'Digest realm="the \"big\" one", nonce="n"'])
    assert challenge.realm == 'the "big" one'
    signed = DigestSigner(challenge, 'a"b\\c', "p").authorization("GET", "/")
    assert r'username="a\"b\\c"' in signed
    assert r'realm="the \"big\" one"' in signed
    assert parameters(signed)["username"] == 'a"b\\c'
    assert "opaque" not in signed
    assert "algorithm" not in signed
    assert "qop" not in signed


@pytest.mark.parametrize(
    ("headers", "schemes"),
    [
        (['Basic realm="x", Digest realm="x", nonce="1"'], ["basic", "digest"]),
        (['Digest realm="a, b", nonce = "1" , qop = auth,Basic realm=x'], ["digest", "basic"]),
        (['Basic realm="x"', 'Digest realm="x",nonce="1"'], ["basic", "digest"]),
        (["Negotiate, NTLM", "Basic"], ["negotiate", "ntlm", "basic"]),
        (['NTLM TlRMTVNTUAAC==, Basic realm="x"'], ["ntlm", "basic"]),
        (['"', ",", "", 'realm="y", =, "Basic, Basic realm="x"'], ["basic"]),
    ],
)
def test_finds_every_challenge(headers: list[str], schemes: list[str]) -> None:
    assert [each.scheme for each in read_challenges(headers)] == schemes


@pytest.mark.parametrize("stale", ['"TRUE"', "true", '"True"'])
def test_stale_in_every_spelling(stale: str) -> None:
    (challenge,) = read_challenges([f'digest nonce="1", Stale={stale}, stale=FALSE'])
    assert challenge.stale
    assert not challenge.realm


@pytest.mark.parametrize(
    ("algorithm", "name"),
    [
        ("", "md5"),
        ("md5", "md5"),
        ("MD5-sess", "md5"),
        ("SHA", "sha1"),
        ("SHA256", "sha256"),
        ("SHA-256-SESS", "sha256"),
        ("SHA-512-256", "sha512_256"),
        ("SHA-512", "sha512"),
        ("TOKEN", None),
    ],
)
def test_names_of_algorithms(algorithm: str, name: str | None) -> None:
    challenge = Challenge("digest", {"nonce": "1", "algorithm": algorithm})
    assert challenge.hash_name == name
    assert bool(challenge.strength) == (name is not None)


@pytest.mark.parametrize(
    "header",
    [
        'Digest realm="x"',
        'Digest realm="x", nonce=""',
        'Digest realm="x", nonce="1", qop="auth-int"',
        'Digest realm="x", nonce="1", algorithm=TOKEN',
        'Digest realm="\udcff", nonce="1"',
        'Basic realm="x", nonce="1"',
    ],
)
def test_what_cannot_be_answered_is_not_chosen(header: str) -> None:
    assert strongest(read_challenges([header])) is None


def test_the_strongest_is_chosen_and_the_first_of_equals() -> None:
    offered = read_challenges(
        [
            'Digest realm="a", nonce="1", algorithm=MD5',
            'Digest realm="b", nonce="2", algorithm=SHA-256',
            'Digest realm="c", nonce="3", algorithm=SHA-256-sess',
        ]
    )
    chosen = strongest(offered)
    assert chosen is not None
    assert chosen.realm == "b"


def test_a_renewed_signer_counts_from_the_start() -> None:
    (challenge,) = read_challenges(['Digest realm="x", nonce="1", qop="auth", algorithm=MD5-sess'])
    signer = DigestSigner(challenge, "u", "p")
    signer.authorization("GET", "/")
    told = parameters(signer.renewed("2").authorization("GET", "/"))
    assert (told["nonce"], told["nc"], told["algorithm"]) == ("2", "00000001", "MD5-sess")


@pytest.mark.parametrize("part", ["a", "a ", 'a="', '"', "= "])
def test_a_header_takes_no_longer_than_its_length(part: str) -> None:
    """A reader that began anew at each letter would need minutes here, and a second for what aiohttp lets through."""
    header = part * 2**16
    assert parameters(header).keys() <= {"a"}
    assert {each.scheme for each in read_challenges([header])} <= {"a", "a" * 2**16}
