"""The name of the place where records go: one for each tenant and table, and the same after a key was rotated."""

from collections.abc import Mapping

import pytest

from queue_telemetry.logs._endpoint import Endpoint


def name_of(url: str, token: str | None = None, headers: Mapping[str, str] | None = None) -> str:
    return Endpoint.parse(url, token, headers or {}).destination


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("https://111:key@logs.test/",), ("https://222:key@logs.test/",)),
        (("https://logs.test/?query=INSERT%20INTO%20a",), ("https://logs.test/?query=INSERT%20INTO%20b",)),
        (("https://logs.test/?dataset=",), ("https://logs.test/",)),
        (
            ("https://logs.test/", None, {"X-Scope-OrgID": "a"}),
            ("https://logs.test/", None, {"X-Scope-OrgID": "b"}),
        ),
        (
            ("https://logs.test/", None, {"Authorization": "Basic MTExOmtleQ=="}),
            ("https://logs.test/", None, {"Authorization": "Basic MjIyOmtleQ=="}),
        ),
    ],
    ids=["user", "query", "empty", "header", "user in a header"],
)
def test_another_tenant_or_table_is_another_destination(one: tuple[str], other: tuple[str]) -> None:
    assert name_of(*one) != name_of(*other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("https://u:pa55@logs.test/",), ("https://u:w0rd@logs.test/",)),
        (("https://key1@logs.test/",), ("https://key2@logs.test/",)),
        (
            ("https://logs.test/?dd-api-key=K1&key=K1&sig=K1",),
            ("https://logs.test/?dd-api-key=K2&key=K2&sig=K2",),
        ),
        (("https://logs.test/", "t1"), ("https://logs.test/", "t2")),
        (("https://logs.test/", "t1"), ("https://logs.test/",)),
        (
            (
                "https://logs.test/",
                None,
                {"X-Api-Key": "1", "Authorization": "Bearer 1", "X-Honeycomb-Team": "1"},
            ),
            (
                "https://logs.test/",
                None,
                {"X-Api-Key": "2", "Authorization": "Bearer 2", "X-Honeycomb-Team": "2"},
            ),
        ),
        (("https://logs.test/", None, {"Authorization": "Basic dTpwYTU1"}), ("https://u:w0rd@logs.test/",)),
    ],
    ids=["password", "user that is a key", "query", "token", "no token", "headers", "password in a header"],
)
def test_a_rotated_key_changes_nothing(one: tuple[str], other: tuple[str]) -> None:
    assert name_of(*one) == name_of(*other)


def test_the_order_of_query_and_headers_changes_nothing() -> None:
    one = name_of("https://logs.test/?a=1&b=2", None, {"X-A": "1", "X-B": "2"})

    assert one == name_of("https://logs.test/?b=2&a=1", None, {"x-b": "2", "x-a": "1"})


def test_what_only_describes_the_request_changes_nothing() -> None:
    headers = {"User-Agent": "app/2", "Content-Type": "text/plain"}

    assert name_of("https://logs.test/") == name_of("https://logs.test/", None, headers)


@pytest.mark.parametrize("value", ["Basic ====", "Basic /w==", "Basic", "Basic a"])
def test_authorization_that_is_not_what_it_says_names_nobody(value: str) -> None:
    assert name_of("https://logs.test/") == name_of("https://logs.test/", None, {"Authorization": value})


def test_the_name_is_short_and_holds_nothing_of_it() -> None:
    assert 16 == len(name_of("https://u:pa55@logs.test/?x=1"))
