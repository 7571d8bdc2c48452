"""What users hand to the operations never raises into a task, whatever its class does."""

from collections.abc import Callable
from typing import Any

import pytest

from queue_telemetry.api import Telemetry


class _Mute:
    def __str__(self) -> str:
        raise RuntimeError


MUTE: Any = _Mute()


class _Nameless(type):
    @property
    def __name__(cls) -> str:  # type: ignore[override] # hostile on purpose
        raise RuntimeError


class NamelessError(Exception, metaclass=_Nameless):
    pass


def _run(telemetry: Telemetry, **arguments: Any) -> None:
    with telemetry.run("work", **arguments):
        pass


def _took(telemetry: Telemetry) -> None:
    with telemetry.claim(MUTE) as claim:
        claim.took(MUTE)


def _worker(telemetry: Telemetry) -> None:
    with telemetry.worker(MUTE):
        pass


@pytest.mark.parametrize(
    "use",
    [
        lambda telemetry: telemetry.queue_size(MUTE).set(1),
        lambda telemetry: telemetry.oldest_task_age(MUTE).set(1),
        lambda telemetry: telemetry.enqueue(MUTE, queue=MUTE).__enter__(),
        lambda telemetry: _run(telemetry, queue=MUTE, tags={"tier": MUTE}),
        _took,
        _worker,
    ],
    ids=["queue_size", "oldest_task_age", "enqueue", "run", "took", "worker"],
)
def test_what_has_no_text_is_empty(use: Callable[[Telemetry], None], telemetry: Telemetry) -> None:
    use(telemetry)
    telemetry._collect()


def test_a_text_without_end_is_cut(telemetry: Telemetry) -> None:
    with telemetry.run("x" * 1000, queue="y" * 1000) as run:
        assert (200, 200) == (len(run.type), len(run.queue))


def test_a_tag_may_be_called_self(telemetry: Telemetry) -> None:
    with telemetry.run("work") as run:
        run.tag(self=1)

        assert 1 == run.fields()["self"]


@pytest.mark.parametrize("which", ["telemetry", "general"])
def test_an_exception_whose_class_has_no_name_passes_through(
    which: str, request: pytest.FixtureRequest
) -> None:
    telemetry: Telemetry = request.getfixturevalue(which)
    with pytest.raises(NamelessError), telemetry.enqueue("work"):
        raise NamelessError

    @telemetry.task
    def fails() -> None:
        raise NamelessError

    with pytest.raises(NamelessError):
        fails()
    telemetry._collect()
    assert 1 == telemetry._stats.snapshot().totals["queue.tasks.failed"]
