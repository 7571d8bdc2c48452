import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry.healthcheck._accept import prefers

_SPECIAL, _USUAL = "application/health+json", "application/json"


@pytest.mark.parametrize(
    ("accept", "special"),
    [
        ("", False),
        ("*/*", False),
        ("application/*", False),
        ("application/json", False),
        ("text/html", False),
        ("application/health+json", True),
        ("Application/Health+JSON", True),
        ("application/health+json, application/json", True),
        ("application/health+json, application/json;q=0.5", True),
        ("application/json, application/health+json;q=0.5", False),
        ("application/json;q=0.4,application/health+json;q=0.5", True),
        ("application/health+json;q=0", False),
        ("application/health+json;q=0.000, */*;q=0.1", False),
        ("application/health+json;q=0.2, */*;q=0.1", True),
        ("application/health+json;q=0.2, */*", False),
        ("application/health+json;q=0.5, application/*;q=0.6, */*;q=0.1", False),
        ("application/health+json;q=0.5, application/json;q=0.1, */*", True),
        ("application/health+json;version=1;q=0.9", True),
        ("application/health+json ; Q = 0.9 , */*;q=0.8", True),
        ("application/health+json;q=oops", True),
        ("application/health+json;q=2", True),
        ("application/health+jsonx", False),
        ("x-application/health+json", False),
        (",;,application/health+json;;", True),
    ],
)
def test_the_special_form_goes_to_who_names_it_and_wants_it_no_less(accept: str, special: bool) -> None:
    assert special is prefers(accept, _SPECIAL, _USUAL)


def test_a_prometheus_server_gets_open_metrics() -> None:
    accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"

    assert prefers(accept, "application/openmetrics-text", "text/plain")


@given(st.text(max_size=300))
def test_no_header_is_too_odd(accept: str) -> None:
    assert prefers(accept, _SPECIAL, _USUAL) in {True, False}


def test_an_endless_header_is_read_only_so_far() -> None:
    assert not prefers("text/html," * 1000 + _SPECIAL, _SPECIAL, _USUAL)
