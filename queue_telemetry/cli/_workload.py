"""The demo's producer and its four workers, which keep their own tally."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import queue_telemetry as qt
from queue_telemetry.cli._jobs import QUEUE, Broker, Job, PermanentError, TransientError, draft_jobs, perform
from queue_telemetry.cli._tally import Tally

__all__ = ["run_workload"]

_WORKERS = 4
_SEED = 20251105
_POLL_S = 0.05
_JOIN_S = 5.0


def run_workload(tally: Tally, *, on_progress: Callable[[int], object], timeout_s: float) -> bool:
    """Enqueue the tally's number of tasks and work them off.

    Args:
        tally: Told everything that is done.
        on_progress: Called now and then with the number of tasks that are over.
        timeout_s: Give up after so long.

    Returns:
        Whether all tasks came to an end and all workers stopped in time.
    """
    deadline_s = time.monotonic() + timeout_s
    broker = Broker()
    stop = threading.Event()
    workers = [
        threading.Thread(
            target=_work, args=(f"worker-{number}", broker, tally, stop), name=f"worker-{number}", daemon=True
        )
        for number in range(1, _WORKERS + 1)
    ]
    producer = threading.Thread(target=_produce, args=(broker, tally, stop), name="producer", daemon=True)
    for thread in (*workers, producer):
        thread.start()
    try:
        while tally.ended < tally.tasks and time.monotonic() < deadline_s and any(map(_is_alive, workers)):
            _tell_progress(broker, tally, on_progress)
            stop.wait(_POLL_S)
    finally:
        stop.set()  # also after Ctrl-C
        for thread in (*workers, producer):
            thread.join(_JOIN_S)
    _tell_progress(broker, tally, on_progress)
    return tally.ended == tally.tasks and not any(map(_is_alive, workers))


def _tell_progress(broker: Broker, tally: Tally, on_progress: Callable[[int], object]) -> None:
    on_progress(tally.ended)
    qt.queue_size(QUEUE).set(broker.depth())
    qt.gauge("jobs_left").set(tally.tasks - tally.ended)


def _produce(broker: Broker, tally: Tally, stop: threading.Event) -> None:
    chance = random.Random(_SEED)  # noqa: S311 - the same jobs in every demo
    for draft in draft_jobs(tally.tasks, chance):
        if stop.is_set():
            return
        with qt.enqueue(draft.type, queue=QUEUE) as publish:
            broker.push(replace(draft, task_id=publish.task_id, headers=publish.headers))
        tally.add("enqueued", draft.type)


def _work(worker_id: str, broker: Broker, tally: Tally, stop: threading.Event) -> None:
    with qt.worker(worker_id):
        while not stop.is_set():
            with qt.claim(QUEUE) as claim:
                job = broker.pop(_POLL_S)
                if job is None:
                    tally.add("empty")
                    continue
                taken = claim.took(job.type, task_id=job.task_id, headers=job.headers)
                tally.add("claimed", job.type)
                tally.add(_try(job, taken, broker), job.type)


def _try(job: Job, taken: qt.Taken, broker: Broker) -> str:
    """Do one job and return how it went, in the tally's words."""
    try:
        done = perform(job, taken, broker)
    except TransientError:
        return "retried"
    except PermanentError:
        return "failed"
    return "completed" if done else "retried"


def _is_alive(thread: threading.Thread) -> bool:
    return thread.is_alive()
