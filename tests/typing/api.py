"""What users' type checkers see of the public functions; read by mypy --strict, never executed."""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from datetime import UTC, datetime
from typing import Any, TypeVar, assert_type

import queue_telemetry as qt

T = TypeVar("T")


class BoomError(Exception):
    pass


def is_transient(error: BaseException, run: qt.Run) -> bool:
    return run.attempt < 3 and isinstance(error, OSError)


@qt.task
def bare(run_id: int, *, force: bool = False) -> str:
    return str(run_id) if force else ""


@qt.task(
    "named",
    queue="maintenance",
    task_id="run_id",
    headers=lambda run_id: {"qt-task-id": str(run_id)},
    tags={"tier": "free", "shard": 3},
    retry_on=(BoomError, OSError),
    expected=BoomError,
    ignore=is_transient,
    timeout_on=lambda error, run: run.attempt > 1 and bool(error.args),
)
async def named(run_id: int) -> str:
    return str(run_id)


@qt.task(queue="maintenance")
def steps() -> Iterator[int]:
    yield 1


@qt.task("async_steps")
async def async_steps() -> AsyncIterator[int]:
    yield 1


@qt.task
def generic(value: T) -> T:
    return value


class Owner:
    @qt.task
    def method(self, number: int) -> int:
        return number

    @staticmethod
    @qt.task("static_below")
    def static_below(number: int) -> int:
        return number

    @qt.task("static_above")
    @staticmethod
    def static_above(number: int) -> int:
        return number

    @classmethod
    @qt.task("class_below")
    def class_below(cls, number: int) -> int:
        return number

    def __call__(self, number: int) -> int:
        return number


assert_type(bare(1, force=True), str)
coroutine = assert_type(named(1), Coroutine[Any, Any, str])
assert_type(steps(), Iterator[int])
assert_type(async_steps(), AsyncIterator[int])
assert_type(generic(b""), bytes)
assert_type(Owner().method(1), int)
assert_type(Owner.static_below(1), int)
assert_type(Owner.static_above(1), int)
assert_type(Owner.class_below(1), int)
assert_type(qt.task(Owner())(1), int)
assert_type(qt.task("named"), qt.TaskDecorator)

bare("1")  # type: ignore[arg-type] # the handler's signature is kept
bare(1, forced=True)  # type: ignore[call-arg] # the same
Owner().method("1")  # type: ignore[arg-type] # the same
qt.task("named", queues="a")  # type: ignore[call-overload] # no such setting
qt.task("named", retry_on="BoomError")  # type: ignore[call-overload] # types, or a predicate
qt.task("named", retry_on=[BoomError])  # type: ignore[call-overload] # the same
qt.task(5)  # type: ignore[call-overload] # neither a name nor a handler


def publish() -> None:
    with qt.enqueue("named", queue="maintenance", not_before=datetime(2030, 1, 1, tzinfo=UTC)) as publish:
        assert_type(publish, qt.Enqueue)
        assert_type(publish.headers, dict[str, str])
        assert_type(publish.task_id, str)

    @qt.enqueue("named", headers="headers")
    def send(body: bytes, headers: dict[str, str] | None = None) -> int:
        return len(body)

    assert_type(send(b""), int)
    send("")  # type: ignore[arg-type] # the publisher's signature is kept
    qt.enqueue()  # type: ignore[call-arg] # the type has to be said
    qt.enqueue("named", not_before="tomorrow")  # type: ignore[arg-type] # epoch seconds or a datetime


def work() -> str:
    with qt.worker("worker-01", slots=4) as worker, qt.claim("maintenance") as claim:
        assert_type(worker, qt.WorkerScope)
        assert_type(claim, qt.Claim)
        taken = claim.took("named", task_id=5, headers={"qt-task-id": b"5"})
        assert_type(taken, qt.Taken)
        with taken as same:
            assert_type(same, qt.Taken)
        with qt.run(claim=taken) as run:
            assert_type(run, qt.Run)
            return run.task_id  # a scope hides no exception, so nothing is missing after it


async def work_async() -> int:
    async with qt.worker("worker-01") as worker, qt.claim() as claim, qt.enqueue("named") as publish:
        assert_type(worker, qt.WorkerScope)
        assert_type(claim, qt.Claim)
        assert_type(publish, qt.Enqueue)
        async with claim.took("named") as taken, qt.run("named") as run, qt.timer("render") as timer:
            assert_type(taken, qt.Taken)
            assert_type(run, qt.Run)
            assert_type(timer, qt.Timer)
            return run.attempt


def by_hand() -> None:
    run = qt.run("named", queue="maintenance", task_id="5", retry_on=is_transient).start()
    assert_type(run, qt.Run)
    run.finish(BoomError())
    run.finish()
    run.finish("BoomError")  # type: ignore[arg-type] # an exception, or nothing


def ask() -> None:
    run = qt.current()
    assert_type(run, qt.Run | None)
    run.retry()  # type: ignore[union-attr] # None outside a task
    assert run is not None
    assert_type(run.type, str)
    assert_type(run.queue, str)
    assert_type(run.task_id, str)
    assert_type(run.attempt, int)
    assert_type(run.parent_id, str | None)
    assert_type(run.wait_s, float | None)
    assert_type(run.headers, dict[str, str])
    run.retry(not_before=1_800_000_000.5)
    run.fail(BoomError())
    run.fail()
    run.cancel()
    run.skip()
    run.tag(rows=3)
    run.retry(1.0)  # type: ignore[call-arg] # by keyword only


def depth() -> int | None:
    return None


async def depth_later() -> int:
    return 3


def tell(alert: qt.Alert) -> None:
    assert_type(alert.message, str)
    assert_type(alert.value, float | None)


def measure() -> None:
    assert_type(qt.counter("mails_sent", provider="ses"), qt.Counter)
    assert_type(qt.gauge("pool_free"), qt.Gauge)
    assert_type(qt.queue_size("maintenance"), qt.QueueGauge)
    assert_type(qt.oldest_task_age("maintenance"), qt.QueueGauge)
    qt.queue_size("maintenance").set(3)
    qt.queue_size("maintenance").probe(lambda: 3)
    assert_type(qt.queue_size("maintenance").probe(depth), Callable[[], int | None])
    qt.queue_size("maintenance").probe(depth_later)  # type: ignore[type-var] # called from a thread without a loop
    told: Callable[[qt.Alert], None] = qt.on_alert(tell)
    assert told is not None
    qt.on_alert(None)
    qt.counter("mails_sent").increment(2)
    qt.gauge("pool_free").set(3.5)
    qt.timer("render").observe(0.1)
    qt.gauge("pool_free").set("3")  # type: ignore[arg-type] # a number

    @qt.timer("render", template="invoice")
    def render(name: str) -> str:
        return name

    assert_type(render("a"), str)


def operate() -> None:
    report = qt.health()
    assert_type(report, qt.HealthReport)
    assert_type(report.status, qt.HealthStatus)
    assert_type(report.as_dict(), dict[str, object])
    assert_type(qt.live(), bool)
    assert_type(qt.ready(), bool)
    assert_type(qt.flush(timeout_s=2.0), bool)
    assert_type(qt.close(timeout_s=5.0), bool)
    qt.drain()
    qt.configure(statsd_host="10.0.0.7")
    own = qt.Telemetry(qt.Settings())
    assert_type(own.task(bare)(1), str)
    assert_type(own.current(), qt.Run | None)
    wsgi: Callable[..., object] = qt.wsgi_app
    assert wsgi is not None
    asgi: Callable[..., Awaitable[None]] = qt.asgi_app
    assert asgi is not None
