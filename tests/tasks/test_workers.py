"""Worker scopes: how many are open, whose slots count, and when one gives a sign of life."""

import gc
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from queue_telemetry.api import Telemetry
from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.testing import StatsdServer


def test_active_workers_are_unknown_until_the_first_scope(telemetry: Telemetry) -> None:
    before = telemetry.health().as_dict()["active_workers"]
    with telemetry.worker("a", slots=4), telemetry.worker("b"):
        inside = telemetry.health().as_dict()
    after = telemetry.health().as_dict()

    assert (None, 2, 0) == (before, inside["active_workers"], after["active_workers"])
    assert {"used": 0, "total": 5} == inside["slots"]


@pytest.mark.parametrize("slots", [-1, "4", 1.5, None])
def test_slots_that_are_no_number_are_refused(slots: object, telemetry: Telemetry) -> None:
    with pytest.raises(ConfigurationError, match="slots="):
        telemetry.worker("a", slots=slots)  # type: ignore[arg-type] # wrong on purpose


def test_a_record_names_the_contexts_worker_else_the_only_one_else_the_process(
    make_telemetry: Callable[..., Telemetry],
) -> None:
    telemetry = make_telemetry()
    telemetry._wake()
    workers = telemetry._tracker.workers

    assert workers.worker_id().endswith(f":{os.getpid()}")
    with telemetry.worker("a"):
        assert "a" == workers.worker_id()
        with telemetry.worker("b"):
            assert "b" == workers.worker_id()
        assert "a" == workers.worker_id()


def test_a_worker_that_never_claimed_promises_no_sign_of_life(telemetry: Telemetry) -> None:
    @telemetry.task
    def fails() -> None:
        raise ValueError

    with telemetry.worker("a") as worker:
        with pytest.raises(ValueError):
            fails()

        assert worker.last_beat_s is None
        assert telemetry._tracker.workers.heartbeat_age_s(telemetry._tracker.in_flight()) is None


def test_a_worker_that_waits_inside_a_claim_is_alive(telemetry: Telemetry) -> None:
    workers = telemetry._tracker.workers
    with telemetry.worker("a") as worker:
        worker.beat()
        with telemetry.claim() as claim:
            assert workers.heartbeat_age_s(telemetry._tracker.in_flight()) is None
            claim.took("work")
            assert workers.heartbeat_age_s(telemetry._tracker.in_flight()) is not None


def test_the_end_of_a_run_inside_a_claim_is_a_sign_of_life(telemetry: Telemetry) -> None:
    with telemetry.worker("a") as worker, telemetry.claim() as claim:
        claim.took("work")
        first = worker.last_beat_s
        with telemetry.run("work"):
            pass

        assert first is not None
        assert worker.last_beat_s is not None
        assert first < worker.last_beat_s


def test_opening_a_scope_is_an_event_so_that_an_idle_workers_gauges_are_sent(tmp_path: Path) -> None:
    with StatsdServer() as server:
        telemetry = Telemetry(
            statsd_host=server.host,
            statsd_port=server.port,
            statsd_dialect="datadog",
            state_dir=tmp_path / "state",
        )
        with telemetry.worker("w", slots=3):
            assert telemetry.flush()

            assert 3 == server.gauge("queue.worker.slots", state="total")
        telemetry.close()


def test_a_busy_worker_excuses_no_other_that_is_silent(telemetry: Telemetry) -> None:
    workers = telemetry._tracker.workers
    with telemetry.worker("silent") as silent:
        silent.beat()
        with telemetry.worker("busy") as busy:
            busy.beat()
            silent.last_beat_s = None
            with telemetry.run("work"):
                assert workers.heartbeat_age_s(1) is None
                silent.beat()
                assert workers.heartbeat_age_s(1) is not None
                assert workers.heartbeat_age_s(2) is None
            assert 0 == busy.running()


def test_a_run_that_is_dropped_leaves_its_worker_idle(telemetry: Telemetry) -> None:
    with telemetry.worker("a") as worker:
        telemetry.run("work").start()
        gc.collect()

        assert 0 == worker.running()


def test_a_scope_entered_twice_is_one_worker_until_the_outer_block_ends(telemetry: Telemetry) -> None:
    workers, worker = telemetry._tracker.workers, telemetry.worker("a", slots=2)
    seen = []
    with worker:
        with worker:
            seen.append((workers.active(), workers.slots(), workers.worker_id()))
        seen.append((workers.active(), workers.slots(), workers.worker_id()))

    assert [(1, 2, "a")] * 2 == seen
    assert (0, None) == (workers.active(), workers.scope())
