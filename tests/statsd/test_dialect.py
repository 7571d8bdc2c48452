import pytest

from queue_telemetry.statsd import DIALECTS


@pytest.mark.parametrize("name", ["statsd", "datadog"])
def test_dialect_is_found_by_its_name(name: str) -> None:
    assert DIALECTS[name].name == name


def test_plain_servers_count_unknown_types_so_only_ms_is_a_timing() -> None:
    assert DIALECTS["statsd"].timer_types == ("ms",)
