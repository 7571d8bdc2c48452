"""Alerts through a real instance: the record, the counter, Datadog, the callback; and that one process speaks."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.healthcheck import Alert, Finding, HealthStatus, Reason
from queue_telemetry.processes import Ownership
from queue_telemetry.telemetry import Telemetry
from queue_telemetry.testing import Collector, StatsdServer, capture

MakeTelemetry = Callable[..., Telemetry]
RunScript = Callable[..., Any]

_WITHIN_S = 5.0
_NOW = {"health_alert_grace_s": 0, "health_queue_size_max": 10}


def _until(holds: Callable[[], object]) -> bool:
    end_s = time.monotonic() + _WITHIN_S
    waiting = threading.Event()
    while not (held := holds()) and time.monotonic() < end_s:
        waiting.wait(0.002)
    return bool(held)


def _evaluate(telemetry: Telemetry, times: int) -> None:
    """Do what the ticker does each interval."""
    for _ in range(times):
        telemetry._vigil.judge._due_s = 0
        telemetry._vigil._due_s = 0
        telemetry._vigil.tick(telemetry._observe)


@pytest.fixture
def alone(make_telemetry: MakeTelemetry) -> MakeTelemetry:
    """Telemetries that are awake and whose evaluations are the test's."""

    def make(**settings: object) -> Telemetry:
        telemetry = make_telemetry(**{**_NOW, **settings})
        telemetry.counter("mails").increment()
        assert telemetry._ticker is not None
        assert telemetry._ticker.stop(_WITHIN_S)
        return telemetry

    return make


def _fill(telemetry: Telemetry) -> None:
    telemetry.queue_size("mail").set(11)
    _evaluate(telemetry, 2)


def _empty(telemetry: Telemetry) -> None:
    telemetry.queue_size("mail").set(0)
    _evaluate(telemetry, 3)


def test_an_alert_is_one_record_and_its_end_another(alone: MakeTelemetry, collector: Collector) -> None:
    telemetry = alone()

    _fill(telemetry)
    _evaluate(telemetry, 5)
    _empty(telemetry)
    assert _until(lambda: telemetry.flush() and len(collector.records) == 2)

    fired, resolved = collector.records
    assert {
        "event": "alert_fired",
        "level": "WARNING",
        "message": "queue_size fired: 11, limit 10; degraded",
        "rule": "queue_size",
        "status": "degraded",
        "previous_status": "healthy",
        "reasons": ["queue_size"],
        "value": 11,
        "threshold": 10,
    }.items() <= fired.items()
    assert {
        "event": "alert_resolved",
        "level": "INFO",
        "rule": "queue_size",
        "status": "healthy",
        "previous_status": "degraded",
        "reasons": [],
    }.items() <= resolved.items()


def test_the_ticker_evaluates_by_itself(make_telemetry: MakeTelemetry, collector: Collector) -> None:
    telemetry = make_telemetry(**_NOW, health_interval_s=1)

    telemetry.queue_size("mail").set(11)

    assert collector.wait_until(
        lambda: any(record.get("event") == "alert_fired" for record in collector.records), timeout_s=10.0
    )


def test_what_makes_it_unhealthy_is_an_error(alone: MakeTelemetry, collector: Collector) -> None:
    telemetry = alone(health_min_workers=1, service="billing")

    _evaluate(telemetry, 2)

    assert _until(lambda: telemetry.flush() and collector.records)
    record = collector.records[0]
    assert ("ERROR", "workers_below_minimum", 0, 1) == tuple(
        record[key] for key in ("level", "rule", "value", "threshold")
    )


def test_the_users_own_sinks_get_the_record_too(alone: MakeTelemetry) -> None:
    told: list[object] = []
    logger.add(lambda message: told.append(message.record["extra"].get("rule")), level="WARNING")

    _fill(alone())

    assert _until(lambda: told == ["queue_size"])


def test_it_is_counted_by_rule(alone: MakeTelemetry, statsd: StatsdServer) -> None:
    telemetry = alone()

    _fill(telemetry)
    telemetry.flush()

    assert 1 == statsd.counter("queue.alerts.fired", rule="queue_size")
    assert 1 == telemetry.health().telemetry["alerts"]["fired"]


def test_datadog_gets_an_event_for_each_and_the_status_as_a_check(
    alone: MakeTelemetry, statsd: StatsdServer
) -> None:
    telemetry = alone(service="billing", env="prod")

    _fill(telemetry)
    _empty(telemetry)
    assert statsd.wait_until(lambda: len(statsd.events) == len(statsd.service_checks) == 2)

    fired, resolved = statsd.events
    assert ("billing: queue_size fired", "queue_size fired: 11, limit 10; degraded") == (
        fired.title,
        fired.text,
    )
    assert {"t": "warning", "k": "billing:queue_size"} == fired.fields
    assert {"rule": "queue_size", "service": "billing", "env": "prod"}.items() <= fired.tags.items()
    assert {"t": "success", "k": "billing:queue_size"} == resolved.fields
    degraded, healthy = statsd.service_checks
    assert ("queue.worker.status", 1, "queue_size") == (degraded.name, degraded.status, degraded.message)
    assert ("queue.worker.status", 0, "") == (healthy.name, healthy.status, healthy.message)
    assert {"service": "billing", "env": "prod"}.items() <= healthy.tags.items()
    assert [] == statsd.refused


def test_the_check_is_sent_again_each_minute(alone: MakeTelemetry, statsd: StatsdServer) -> None:
    telemetry = alone()
    _evaluate(telemetry, 3)
    assert [] == statsd.service_checks

    telemetry._vigil._alerting._check_due_s = 0
    _evaluate(telemetry, 3)

    assert statsd.wait_until(lambda: [check.status for check in statsd.service_checks] == [0])


def test_other_dialects_get_the_counter_alone(alone: MakeTelemetry) -> None:
    with StatsdServer(dialect="statsd") as plain:
        telemetry = alone(statsd_dialect="statsd", statsd_port=plain.port)
        _fill(telemetry)
        assert _until(lambda: telemetry.flush() and plain.counter("queue.alerts.fired.queue_size") == 1)
        telemetry.close()

        assert [] == plain.refused


def test_the_callback_gets_the_alert_as_a_value(alone: MakeTelemetry) -> None:
    telemetry = alone()
    told: list[Alert] = []

    @telemetry.on_alert
    def tell(alert: Alert) -> None:
        assert threading.current_thread().name == "queue_telemetry-on-alert"
        told.append(alert)

    _fill(telemetry)

    assert _until(lambda: told)
    assert (Reason.QUEUE_SIZE, 11, 10, HealthStatus.DEGRADED) == (
        told[0].rule,
        told[0].value,
        told[0].threshold,
        told[0].status,
    )


@pytest.mark.parametrize("error", [ValueError, SystemExit])
def test_a_callback_that_raises_is_counted_and_called_again(
    alone: MakeTelemetry, caplog: pytest.LogCaptureFixture, error: type[BaseException]
) -> None:
    telemetry = alone()

    def fail(_: Alert) -> None:
        raise error("secret")

    telemetry.on_alert(fail)
    _fill(telemetry)
    _empty(telemetry)

    assert _until(lambda: telemetry.health().telemetry["alerts"]["callback_failures"] == 2)
    assert f"the callback for alerts failed with {error.__name__}" in caplog.text
    assert "secret" not in caplog.text


def test_a_callback_that_hangs_holds_up_neither_the_records_nor_the_close(
    alone: MakeTelemetry, collector: Collector
) -> None:
    telemetry = alone()
    hanging, go_on = threading.Event(), threading.Event()

    def hang(_: Alert) -> None:
        hanging.set()
        go_on.wait(_WITHIN_S)

    telemetry.on_alert(hang)
    try:
        _fill(telemetry)
        assert hanging.wait(_WITHIN_S)
        _empty(telemetry)
        assert _until(lambda: telemetry.flush() and len(collector.records) == 2)
        began_s = time.monotonic()
        telemetry.close(3.0)
        assert time.monotonic() - began_s < 2.0
    finally:
        go_on.set()


def test_the_last_callback_counts_and_none_takes_it_away(alone: MakeTelemetry) -> None:
    telemetry = alone()
    told: list[str] = []
    telemetry.on_alert(lambda _: told.append("first"))
    telemetry.on_alert(lambda _: told.append("second"))

    _fill(telemetry)
    assert _until(lambda: told)
    telemetry.on_alert(None)
    _empty(telemetry)

    assert not telemetry._vigil._alerting._callback_lane._jobs
    assert ["second"] == told


async def _later(_: Alert) -> None: ...


@pytest.mark.parametrize(("callback", "words"), [(42, "cannot be called"), (_later, "asynchronous")])
def test_what_cannot_be_a_callback_is_refused(telemetry: Telemetry, callback: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"on_alert\(.*{words}"):
        telemetry.on_alert(callback)


def test_one_process_of_a_host_and_service_speaks(
    alone: MakeTelemetry, collector: Collector, settings: dict[str, object]
) -> None:
    first, second = alone(service="billing"), alone(service="billing")
    other = alone(service="mailing")

    for telemetry in (first, second, other):
        _fill(telemetry)

    fired = [telemetry.health().telemetry["alerts"]["fired"] for telemetry in (first, second, other)]
    assert [1, 0, 1] == fired
    assert _until(lambda: first.flush() and other.flush() and len(collector.records) == 2)


def test_who_takes_over_tells_the_end_of_what_another_process_told(
    alone: MakeTelemetry, collector: Collector
) -> None:
    first, second = alone(service="a"), alone(service="a")
    _fill(first)
    _fill(second)
    assert _until(lambda: first.flush() and len(collector.records) == 1)

    first.close()
    _empty(second)

    assert _until(lambda: second.flush() and len(collector.records) == 2)
    assert ["alert_fired", "alert_resolved"] == [record["event"] for record in collector.records]


def test_a_process_that_starts_after_another_was_killed_does_not_tell_it_again(
    run_script: RunScript, tmp_path: Path
) -> None:
    worker = """
        told = []
        qt.on_alert(lambda alert: told.append(alert.event.value))
        qt.queue_size("mail").set({depth})
        telemetry = qt.health.__self__
        qt.health()
        telemetry._ticker.stop(5.0)
        for _ in range(3):
            telemetry._vigil.judge._due_s = telemetry._vigil._due_s = 0
            telemetry._vigil.tick(telemetry._observe)
        end = time.monotonic() + {wait_s}
        while not told and time.monotonic() < end:
            time.sleep(0.01)
        say(told=told)
        os._exit(0)
        """
    settings = {**_NOW, "state_dir": tmp_path / "shared"}

    told = [
        run_script(worker.format(depth=depth, wait_s=wait_s), **settings).said[0]["told"]
        for depth, wait_s in ((11, 5), (11, 0.1), (0, 5))
    ]

    assert [["alert_fired"], [], ["alert_resolved"]] == told


def test_who_loses_the_duty_and_has_it_back_knows_what_was_told_meanwhile(
    alone: MakeTelemetry, settings: dict[str, Any]
) -> None:
    first, second = alone(), alone()
    _evaluate(first, 1)
    for lock in (Path(settings["state_dir"]) / "owners").glob("alerts*"):
        lock.unlink()
    second.queue_size("mail").set(11)
    _evaluate(second, 2)
    _evaluate(first, 1)
    second.close()

    _fill(first)

    assert 0 == first.health().telemetry["alerts"]["fired"]


def test_what_the_one_before_left_damaged_is_said_and_passed_over(
    alone: MakeTelemetry, settings: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    telemetry = alone()
    before = Ownership(Path(settings["state_dir"]), "alerts ")
    assert before.take()
    before.note_done(b"{}")
    before.release()

    _fill(telemetry)

    assert "alerts of other processes are not known" in caplog.text
    assert 1 == telemetry.health().telemetry["alerts"]["fired"]


def test_switched_off_it_says_nothing_and_takes_no_duty(
    alone: MakeTelemetry, collector: Collector, settings: dict[str, Any]
) -> None:
    telemetry = alone(health_alerts=False)

    _fill(telemetry)

    assert telemetry.flush()
    assert [] == collector.records
    assert "alerts" not in telemetry.health().telemetry
    assert "degraded" == telemetry.health().status
    free = Ownership(Path(settings["state_dir"]), "alerts ")
    assert free.take()
    free.release()


def test_settings_are_taken_over_by_a_second_configure(alone: MakeTelemetry, collector: Collector) -> None:
    telemetry = alone(health_alert_grace_s=3_600)
    _fill(telemetry)
    assert "fired" in telemetry.health().telemetry["alerts"]
    assert 0 == telemetry.health().telemetry["alerts"]["fired"]

    alerting = telemetry._vigil._alerting
    assert telemetry._settings is not None
    telemetry._vigil.adopt(telemetry._settings.model_copy(update={"health_alert_grace_s": 0}))
    _evaluate(telemetry, 1)

    assert alerting is telemetry._vigil._alerting
    assert _until(lambda: telemetry.flush() and len(collector.records) == 1)


def test_a_captured_test_raises_no_alarm(make_telemetry: MakeTelemetry, collector: Collector) -> None:
    telemetry = make_telemetry(**_NOW)
    telemetry.counter("mails").increment()

    with capture(telemetry) as captured:
        telemetry.queue_size("mail").set(11)
        for _ in range(3):
            telemetry._tick()

    assert [] == captured.records
    assert 0 == telemetry.health().telemetry["alerts"]["fired"]


def test_a_child_begins_anew_and_the_parent_goes_on(run_script: RunScript) -> None:
    ended = run_script(
        """
        told = []
        qt.on_alert(lambda alert: told.append(alert.rule.value))
        qt.queue_size("mail").set(11)
        telemetry = qt.health.__self__

        def evaluate(times):
            for _ in range(times):
                telemetry._vigil.judge._due_s = telemetry._vigil._due_s = 0
                telemetry._vigil.tick(telemetry._observe)

        qt.health()
        telemetry._ticker.stop(5.0)
        evaluate(2)
        pid = os.fork()
        if not pid:
            qt.health()
            telemetry._ticker.stop(5.0)
            evaluate(5)
            say(child=qt.health().telemetry["alerts"]["fired"])
            os._exit(0)
        os.waitpid(pid, 0)
        evaluate(2)
        end = time.monotonic() + 5
        while not told and time.monotonic() < end:
            time.sleep(0.01)
        say(told=told, fired=qt.health().telemetry["alerts"]["fired"])
        """,
        health_alert_grace_s=0,
        health_queue_size_max=10,
    )

    assert [{"child": 0}, {"told": ["queue_size"], "fired": 1}] == ended.said


def test_nothing_is_told_before_anything_is_known(telemetry: Telemetry) -> None:
    alerting = telemetry._vigil._alerting
    report = replace(telemetry.health(), status=HealthStatus.DEGRADED)
    alerting.stop()

    alerting.after({Reason.QUEUE_SIZE}, {Reason.QUEUE_SIZE: Finding(1, 1)}, report)

    assert 0 == alerting.stats()["fired"]
