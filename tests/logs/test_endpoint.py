"""What a destination may look like, and that no error shows a secret."""

import pytest

from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.logs._endpoint import Endpoint


def test_a_token_is_sent_as_bearer() -> None:
    assert {"authorization": "Bearer t0k"} == Endpoint.parse("https://logs.test/x", "t0k").headers


def test_user_information_becomes_basic_authorization_and_leaves_the_url() -> None:
    endpoint = Endpoint.parse("https://al%40ice:pa%3Ass@logs.test:8443/x?y=1")

    assert "https://logs.test:8443/x?y=1" == endpoint.url
    assert {"authorization": "Basic YWxAaWNlOnBhOnNz"} == endpoint.headers


def test_headers_win() -> None:
    endpoint = Endpoint.parse("http://logs.test", "t0k", {"Authorization": "ApiKey k", "X-Org": "1"})

    assert {"authorization": "ApiKey k", "x-org": "1"} == endpoint.headers


def test_an_empty_path_becomes_the_root() -> None:
    assert "http://[::1]:9/" == Endpoint.parse("http://[::1]:9").url


def test_nothing_secret_is_in_the_repr() -> None:
    shown = repr(Endpoint.parse("https://u:pa55@logs.test/?dd-api-key=KEY", None, {"x-key": "HEADER"}))

    assert not [secret for secret in ("pa55", "KEY", "HEADER") if secret in shown]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ftp://logs.test/?key=SECRET", "LOG_URL has the scheme 'ftp'"),
        ("logs.test/SECRET", "LOG_URL has the scheme ''"),
        ("http:///SECRET", "LOG_URL has no host"),
        ("http://h:99999/SECRET", "LOG_URL is no URL, or its port"),
        ("http://h:0/SECRET", "LOG_URL has the port 0"),
        ("http://h/SECRET\r\nx: y", "LOG_URL contains a space or a control character"),
        ("http://[::1/SECRET", "LOG_URL is no URL"),
    ],
)
def test_a_wrong_url_is_named_without_its_secrets(url: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        Endpoint.parse(url)

    assert says in str(raised.value)
    assert "SECRET" not in str(raised.value)


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ({"x-a": "SECRET\r\nx-b: 1"}, "line break"),
        ({"x-a": "SECRET\n"}, "line break"),
        ({"x-a": "SECRETé"}, "non-ASCII"),
        ({"x a": "SECRET"}, "'x a'"),
        ({"x-a\r\n": "SECRET"}, "one word"),
        ({"Content-Length": "SECRET"}, "the library sets itself"),
    ],
)
def test_a_wrong_header_is_named_without_its_value(headers: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        Endpoint.parse("http://logs.test", None, headers)

    assert says in str(raised.value)
    assert "SECRET" not in str(raised.value)


def test_a_token_with_a_line_break_is_refused_without_showing_it() -> None:
    with pytest.raises(ConfigurationError, match="LOG_TOKEN contains a line break") as raised:
        Endpoint.parse("http://logs.test", "SECRET\n")

    assert "SECRET" not in str(raised.value)
