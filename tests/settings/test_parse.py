from pathlib import Path

import pytest

from queue_telemetry.settings import _parse


@pytest.mark.parametrize(
    ("host", "taken"),
    [
        ("localhost", "localhost"),
        ("10.0.0.7", "10.0.0.7"),
        ("::1", "::1"),
        ("[fe80::1]", "fe80::1"),
        ("münchen.example", "münchen.example"),
        ("statsd.default.svc.cluster.local.", "statsd.default.svc.cluster.local."),
    ],
)
def test_a_host_is_a_name_or_an_address(host: str, taken: str) -> None:
    assert _parse.check_host(host) == taken


@pytest.mark.parametrize(
    "host",
    [
        "",
        "[]",
        "agent:8125",
        "udp://agent",
        "a b",
        "user@agent",
        "a..b",
        "x" * 64,
        "a." * 200,
        "\\\\.\\pipe\\d",
        "a\0b",
    ],
)
def test_what_a_resolver_cannot_take_is_no_host(host: str) -> None:
    with pytest.raises(ValueError):
        _parse.check_host(host)


def test_a_prefix_loses_the_dots_at_its_ends() -> None:
    assert _parse.check_prefix(".acme.billing.") == "acme.billing"


@pytest.mark.parametrize(
    "prefix",
    [
        ".",
        "p" * 101,
        "_",
        "42",
        "7shifts",
        "\u00e9t\u00e9",
        "a..b",
        "a b",
        "a:b",
        "a|b",
        "a@b",
        "a#b",
        "a;b",
        "a,b",
        "a\nb",
    ],
)
def test_a_prefix_that_would_end_the_name_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError):
        _parse.check_prefix(prefix)


@pytest.mark.parametrize(
    "url", ["http://c", "https://user:pass@logs.example:8443/in?x=1", "http://[::1]:80/"]
)
def test_a_url_has_a_scheme_and_a_host(url: str) -> None:
    _parse.check_url(url)


NO_URLS = [
    "logs.example.com",
    "ftp://c",
    "http://",
    "http:///in",
    "http://c:port/",
    "http://c:0/",
    "http://c:99999/",
]
UNSAFE_URLS = ["http://c/a b", "http://c/\r\nX: y", "http://[::1/", "http://c/ä"]


@pytest.mark.parametrize("url", [*NO_URLS, *UNSAFE_URLS])
def test_what_cannot_be_posted_to_is_no_url(url: str) -> None:
    with pytest.raises(ValueError):
        _parse.check_url(url)


@pytest.mark.parametrize("token", ["", "a b", "a\n", "ä"])
def test_a_token_that_would_break_its_header_is_refused(token: str) -> None:
    with pytest.raises(ValueError):
        _parse.check_token(token)


@pytest.mark.parametrize(
    ("name", "value"),
    [("", "v"), ("X Y", "v"), ("X:", "v"), ("X", "v\r\nY: w"), ("X", "v\n"), ("X", "ä"), ("X", "\0")],
)
def test_what_is_not_one_header_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError):
        _parse.check_header(name, value)


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("team:core,tier:free", {"team": "core", "tier": "free"}),
        ("team:core tier:free", {"team": "core", "tier": "free"}),
        (" team:core ,\ttier:free,\n", {"team": "core", "tier": "free"}),
        ("url:http://x:1", {"url": "http://x:1"}),
        ("a:1,a:2", {"a": "2"}),
        (",", {}),
    ],
)
def test_tags_are_split_at_commas_and_white_space(text: str, tags: dict[str, str]) -> None:
    assert _parse.split_tags(text) == tags


@pytest.mark.parametrize("value", ["shell", ":v", "k:", {"": "v"}, {"k": ""}, {"k": 1}, {1: "v"}, 5, ["k:v"]])
def test_what_is_not_a_pair_is_no_tag(value: object) -> None:
    with pytest.raises(ValueError):
        _parse.split_tags(value)


def test_headers_are_split_at_commas_and_the_first_equals_sign() -> None:
    assert _parse.split_headers("X-Key = a=b== , X-Team=core,") == {"X-Key": "a=b==", "X-Team": "core"}


def test_a_header_without_an_equals_sign_is_refused() -> None:
    with pytest.raises(ValueError):
        _parse.split_headers("X-Key")


def test_names_are_split_at_commas() -> None:
    assert _parse.split_names(" iban, card_number,,") == ("iban", "card_number")


def test_a_path_with_a_zero_byte_is_refused() -> None:
    with pytest.raises(ValueError):
        _parse.check_path(Path("/tmp/a\0b"))


@pytest.mark.parametrize(
    "name", ["Host", "connection", "Content-Length", "content-encoding", "Transfer-Encoding"]
)
def test_a_header_that_the_library_sets_is_refused(name: str) -> None:
    with pytest.raises(ValueError):
        _parse.check_header(name, "x")
