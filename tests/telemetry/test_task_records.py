"""Records that a telemetry thread writes for tasks are shipped all the same."""

from collections.abc import Callable
from contextlib import suppress

from queue_telemetry._runtime import guarded
from queue_telemetry.telemetry import Telemetry
from queue_telemetry.testing import Collector


def _shipped(telemetry: Telemetry, collector: Collector) -> list[object]:
    with guarded():  # as on the ticker's thread
        telemetry._collect()
        telemetry._tell_tasks()
    assert telemetry.flush(5.0)
    return [record.get("event") for record in collector.records]


def test_a_slow_task_is_shipped(make_telemetry: Callable[..., Telemetry], collector: Collector) -> None:
    telemetry = make_telemetry(task_logs="none", slow_task_s=1e-9)

    with telemetry.run("work"):
        assert ["slow_task"] == _shipped(telemetry, collector)


def test_a_new_error_is_shipped(make_telemetry: Callable[..., Telemetry], collector: Collector) -> None:
    telemetry = make_telemetry(task_logs="failures")
    with suppress(ValueError), telemetry.run("work"):
        raise ValueError

    assert ["error_new", "task_failed"] == sorted(map(str, _shipped(telemetry, collector)))
