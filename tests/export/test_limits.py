import pytest

from queue_telemetry.export._limits import limit
from queue_telemetry.settings import Settings


def test_what_is_set_is_the_limit() -> None:
    found = limit(Settings(health_queue_size_max=50), "health_queue_size_max")

    assert (50, "The limit is QUEUE_TELEMETRY_HEALTH_QUEUE_SIZE_MAX.") == (found.value, found.origin)


def test_a_default_is_a_limit() -> None:
    assert 0.25 == limit(Settings(), "health_failure_ratio").value


def test_what_is_off_unless_set_gets_a_suggestion_that_says_so() -> None:
    found = limit(Settings(), "health_queue_size_max")

    assert 1000 == found.value
    assert "suggestion until QUEUE_TELEMETRY_HEALTH_QUEUE_SIZE_MAX is set" in found.origin


@pytest.mark.parametrize("field", ["health_queue_size_max", "health_failure_ratio", "health_min_workers"])
def test_what_was_turned_off_stays_off(field: str) -> None:
    assert 0 == limit(Settings(**{field: 0}), field).value
