"""The demo's application: a broker on a standard queue, and three kinds of tasks that fail now and then.

It is written as a user of the library would write it.
"""

import asyncio
import queue
import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from loguru import logger

import queue_telemetry as qt

__all__ = ["QUEUE", "TYPES", "Broker", "Job", "PermanentError", "TransientError", "draft_jobs", "perform"]

QUEUE = "demo"
TYPES = ("resize_image", "send_email", "cleanup_runs")
_WEIGHTS = (5, 3, 2)
_MEAN_WORK_S = 0.003
_LONGEST_WORK_S = 0.05


class TransientError(Exception):
    """It may work the next time."""


class PermanentError(Exception):
    """It will never work."""


@dataclass(frozen=True, slots=True)
class Job:
    """What travels through the broker.

    Attributes:
        type: The task type.
        work_s: How long the work takes.
        faults: How many runs fail before one can work.
        doomed: Whether it fails for good.
        task_id: Given when it is enqueued.
        headers: The telemetry's; a requeued job carries new ones.
    """

    type: str
    work_s: float
    faults: int = 0
    doomed: bool = False
    task_id: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class Broker:
    """A standard queue behind the two calls that every broker has."""

    def __init__(self) -> None:
        self._jobs: queue.Queue[Job] = queue.Queue()

    def push(self, job: Job) -> None:
        """Hand in a job."""
        self._jobs.put(job)

    def pop(self, timeout_s: float) -> Job | None:
        """Fetch the next job; None when there is none in time."""
        try:
            return self._jobs.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def depth(self) -> int:
        """Return how many jobs wait."""
        return self._jobs.qsize()


def draft_jobs(count: int, chance: random.Random) -> Iterator[Job]:
    """Yield *count* jobs, a tenth of them with faults to come."""
    for _ in range(count):
        (type_,) = chance.choices(TYPES, _WEIGHTS)
        work_s = min(chance.expovariate(1 / _MEAN_WORK_S), _LONGEST_WORK_S)
        if type_ == "send_email":
            yield Job(type_, work_s, doomed=chance.random() < 0.1)
        else:
            yield Job(type_, work_s, faults=chance.choices((0, 1, 2), (90, 8, 2))[0])


def perform(job: Job, taken: qt.Taken, broker: Broker) -> bool:
    """Do one job; False when it was requeued for another try.

    Raises:
        TransientError: It was requeued.
        PermanentError: It failed for good.
    """
    if job.type == "resize_image":
        return _resize_image(job, broker)
    if job.type == "send_email":
        return asyncio.run(_send_email(job))
    return _cleanup_runs(job, taken, broker)


@qt.task("resize_image", retry_on=(TransientError,))
def _resize_image(job: Job, broker: Broker) -> bool:
    """A handler whose exception means another try."""
    run = qt.current()
    with qt.timer("render", template="thumbnail"):
        time.sleep(job.work_s)
    if run is not None and run.attempt <= job.faults:
        broker.push(replace(job, headers=run.headers))
        raise TransientError("the storage is busy")
    return True


@qt.task("send_email")
async def _send_email(job: Job) -> bool:
    """A handler on an event loop."""
    await asyncio.sleep(job.work_s)
    if job.doomed:
        raise PermanentError("there is no such address")
    return True


def _cleanup_runs(job: Job, taken: qt.Taken, broker: Broker) -> bool:
    """Code that cannot be decorated, and says by hand how it went."""
    with qt.run("cleanup_runs", claim=taken) as run:
        time.sleep(job.work_s)
        if run.attempt <= job.faults:
            logger.warning("the table is locked")
            broker.push(replace(job, headers=run.headers))
            run.retry()
            return False
        run.tag(rows=3)
    return True
