import pytest

from queue_telemetry.statsd import DIALECTS


@pytest.mark.parametrize("name", ["statsd", "graphite", "datadog"])
def test_dialect_is_found_by_its_name(name: str) -> None:
    assert DIALECTS[name].name == name


@pytest.mark.parametrize("name", ["statsd", "graphite"])
def test_the_daemon_counts_unknown_types_so_only_ms_is_a_timing(name: str) -> None:
    assert DIALECTS[name].timer_types == ("ms",)


def test_only_datadog_takes_packed_values_events_and_signed_gauges_as_they_are() -> None:
    capable = [
        name for name, row in DIALECTS.items() if row.packs_values and row.events and not row.gauge_deltas
    ]

    assert capable == ["datadog"]
