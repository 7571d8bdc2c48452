"""A collector's address and all that is the same in each request to it, put together."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.logs._endpoint import Endpoint
from queue_telemetry.logs._tls import TlsFiles
from queue_telemetry.logs.formats import FORMATS, NdjsonFormat

_TYPE = {"content-type": "application/x-ndjson"}


def parsed(url: str, token: str | None = None, headers: Mapping[str, str] | None = None) -> Endpoint:
    return Endpoint.parse(url, token, headers or {}, NdjsonFormat())


def test_a_token_is_sent_as_the_format_says() -> None:
    assert _TYPE | {"authorization": "Bearer t0k"} == parsed("https://logs.test/x", "t0k").headers


def test_user_information_becomes_basic_authorization_and_leaves_the_url() -> None:
    endpoint = parsed("https://al%40ice:pa%3Ass@logs.test:8443/x?y=1")

    assert "https://logs.test:8443/x?y=1" == endpoint.url
    assert _TYPE | {"authorization": "Basic YWxAaWNlOnBhOnNz"} == endpoint.headers


@pytest.mark.parametrize(
    ("user", "headers"),
    [("", {}), ("key@", {"authorization": "Basic a2V5Og=="}), (":key@", {"authorization": "Basic OmtleQ=="})],
    ids=["none", "user only", "password only"],
)
def test_one_half_of_the_user_information_is_enough(user: str, headers: dict[str, str]) -> None:
    assert _TYPE | headers == parsed(f"http://{user}logs.test/").headers


def test_headers_win() -> None:
    endpoint = parsed(
        "http://logs.test", "t0k", {"Authorization": "ApiKey k", "X-Org": " 1 ", "Content-Type": "text/plain"}
    )

    assert {"authorization": "ApiKey k", "x-org": "1", "content-type": "text/plain"} == endpoint.headers


def test_an_empty_path_becomes_the_root() -> None:
    assert "http://[::1]:9/" == parsed("http://[::1]:9").url


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("ndjson", "https://c.test/"),
        ("json", "https://c.test/"),
        ("datadog", "https://c.test/api/v2/logs"),
        ("loki", "https://c.test/loki/api/v1/push"),
        (
            "elasticsearch",
            "https://c.test/_bulk?filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason",
        ),
        ("splunk", "https://c.test/services/collector/event"),
        ("otlp", "https://c.test/v1/logs"),
    ],
)
@pytest.mark.parametrize("given", ["https://c.test", "https://c.test/", "https://user:pa55@c.test/"])
def test_the_format_completes_the_url(name: str, given: str, url: str) -> None:
    assert url == Endpoint.parse(given, None, {}, FORMATS[name](given)).url


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"elasticsearch"}))
def test_a_path_of_the_users_stands(name: str) -> None:
    url = "https://c.test/proxy/in?x=1"

    assert url == Endpoint.parse(url, None, {}, FORMATS[name](url)).url


@pytest.mark.parametrize(
    ("token", "headers"),
    [
        ("t\r\nX-Evil: 1", {}),
        (None, {"X-Key": "a\nb"}),
        (None, {"X-Key\r\nX-Evil": "1"}),
        (None, {"X Key": "1"}),
        (None, {"X-Key": "caf\u00e9"}),
        (None, {"": "1"}),
    ],
)
def test_a_header_that_would_begin_another_is_refused(token: str | None, headers: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="cannot be sent") as caught:
        parsed("https://logs.test/", token, headers)

    assert "\n" not in str(caught.value)
    assert "a\\nb" not in str(caught.value)


def test_a_header_of_a_users_format_is_checked_too() -> None:
    class Odd(NdjsonFormat):
        headers = {"content-type": "text/plain\r\nx-evil: 1"}

    with pytest.raises(ConfigurationError, match="content-type"):
        Endpoint.parse("https://logs.test/", None, {}, Odd())


def test_other_places_and_formats_are_other_destinations() -> None:
    places = [
        "https://a.test/",
        "http://a.test/",
        "https://a.test:8443/",
        "https://b.test/",
        "https://a.test/x",
    ]
    named = {Endpoint.parse(url, None, {}, NdjsonFormat()).destination for url in places}
    named |= {Endpoint.parse(places[0], None, {}, FORMATS[name]("")).destination for name in FORMATS}

    assert len(places) - 1 + len(FORMATS) == len(named)


def test_headers_that_the_user_did_not_set_name_no_destination() -> None:
    class Newer(NdjsonFormat):
        headers = {"content-type": "application/x-ndjson", "x-client": "2"}

    assert (
        parsed("https://a.test/").destination
        == Endpoint.parse("https://a.test/", None, {}, Newer()).destination
    )


def test_nothing_secret_is_in_the_repr() -> None:
    shown = repr(
        Endpoint.parse(
            "https://u:pa55@logs.test/?dd-api-key=KEY",
            "T0KEN",
            {"x-key": "HEADER"},
            NdjsonFormat(),
            tls=TlsFiles(Path("/ca.pem")),
            proxy="http://u:pr0xy@proxy.test",
        )
    )

    assert not [secret for secret in ("pa55", "KEY", "HEADER", "T0KEN", "pr0xy") if secret in shown]
