"""A collector's address and headers, put together."""

import pytest

from queue_telemetry.logs._endpoint import Endpoint


def test_a_token_is_sent_as_bearer() -> None:
    assert {"authorization": "Bearer t0k"} == Endpoint.parse("https://logs.test/x", "t0k", {}).headers


def test_user_information_becomes_basic_authorization_and_leaves_the_url() -> None:
    endpoint = Endpoint.parse("https://al%40ice:pa%3Ass@logs.test:8443/x?y=1", None, {})

    assert "https://logs.test:8443/x?y=1" == endpoint.url
    assert {"authorization": "Basic YWxAaWNlOnBhOnNz"} == endpoint.headers


@pytest.mark.parametrize(
    ("user", "headers"),
    [("", {}), ("key@", {"authorization": "Basic a2V5Og=="}), (":key@", {"authorization": "Basic OmtleQ=="})],
    ids=["none", "user only", "password only"],
)
def test_one_half_of_the_user_information_is_enough(user: str, headers: dict[str, str]) -> None:
    assert headers == Endpoint.parse(f"http://{user}logs.test/", None, {}).headers


def test_headers_win() -> None:
    endpoint = Endpoint.parse("http://logs.test", "t0k", {"Authorization": "ApiKey k", "X-Org": "1"})

    assert {"authorization": "ApiKey k", "x-org": "1"} == endpoint.headers


def test_an_empty_path_becomes_the_root() -> None:
    assert "http://[::1]:9/" == Endpoint.parse("http://[::1]:9", None, {}).url


def test_nothing_secret_is_in_the_repr() -> None:
    shown = repr(Endpoint.parse("https://u:pa55@logs.test/?dd-api-key=KEY", None, {"x-key": "HEADER"}))

    assert not [secret for secret in ("pa55", "KEY", "HEADER") if secret in shown]
