import asyncio
from collections.abc import Callable

from statsd.client.timer import Timer

from queue_telemetry.statsd import StatsClient

Record = Callable[..., tuple[StatsClient, list[str]]]


def test_block_is_timed_with_its_tags(record: Record) -> None:
    client, sent = record("datadog")
    with client.timer("took", tags={"queue": "mail"}) as timer:
        pass

    assert isinstance(timer, Timer)
    assert timer.ms is not None
    assert sent == [f"app.took:{timer.ms:.6f}|ms|#queue:mail"]


def test_function_is_timed_and_its_result_passes_through(record: Record) -> None:
    client, sent = record()

    @client.timer("took")
    def double(number: int) -> int:
        return 2 * number

    assert double(4) == 8
    assert [line.split(":")[0] for line in sent] == ["app.took"]


def test_coroutine_function_is_timed_to_its_end(record: Record) -> None:
    client, sent = record()

    @client.timer("took")
    async def work() -> list[str]:
        await asyncio.sleep(0)
        return list(sent)

    assert asyncio.run(work()) == []
    assert len(sent) == 1


def test_stop_without_start_is_counted(record: Record) -> None:
    client, sent = record()
    client.timer("took").stop()

    assert sent == []
    assert client.stats()["lines_dropped"] == {"invalid": 1}


def test_second_send_is_counted(record: Record) -> None:
    client, sent = record()
    client.timer("took").start().stop().send()

    assert len(sent) == 1
    assert client.stats()["lines_dropped"] == {"invalid": 1}
