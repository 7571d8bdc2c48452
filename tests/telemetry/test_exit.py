"""The end of a process: what was recorded goes out, in bounded time, without a word on stderr."""

import signal
from collections.abc import Callable
from typing import Any

import pytest

from queue_telemetry.testing import Collector, StatsdServer

RunScript = Callable[..., Any]

_CLOSE_S = 5.0
_START_S = 4.0  # the interpreter's start and the imports, on a busy machine

_WORK = """
@qt.task("work")
def work():
    logger.info("working")

for _ in range(50): work()
"""


def test_at_exit_everything_is_sent(
    run_script: RunScript, statsd: StatsdServer, collector: Collector
) -> None:
    run_script(_WORK, statsd_flush_interval_s=10, log_linger_s=60, options=("-X", "dev"))

    assert statsd.wait_until(lambda: statsd.counter("queue.tasks.completed") == 50)
    assert 150 == len(collector.records)


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("sys.exit(3)", 3),
        ("raise ValueError('the application fails')", 1),
        ("raise KeyboardInterrupt", -signal.SIGINT),
        ("os.kill(os.getpid(), signal.SIGINT); time.sleep(5)", -signal.SIGINT),
        ("thread = threading.Thread(target=sys.exit); thread.start(); thread.join()", 0),
    ],
    ids=["exit", "exception", "interrupt raised", "interrupt signalled", "exit of a thread"],
)
def test_however_it_ends_everything_is_sent(
    run_script: RunScript, statsd: StatsdServer, collector: Collector, ending: str, code: int
) -> None:
    run_script(_WORK + ending, code=code, quiet=False, statsd_flush_interval_s=10, log_linger_s=60)

    assert statsd.wait_until(lambda: statsd.counter("queue.tasks.completed") == 50)
    assert 150 == len(collector.records)


def test_events_of_threads_that_outlive_the_main_thread_are_sent(
    run_script: RunScript, statsd: StatsdServer
) -> None:
    run_script("""
        def late():
            threading.main_thread().join()
            qt.counter("mails").increment()
        threading.Thread(target=late).start()
        """)

    assert statsd.wait_until(lambda: statsd.counter("mails") == 1)


def test_sigterm_ends_it_at_once(run_script: RunScript) -> None:
    ended = run_script(_WORK + "os.kill(os.getpid(), signal.SIGTERM); time.sleep(10)", code=-signal.SIGTERM)

    assert ended.seconds < _START_S


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param("dead", marks=pytest.mark.acceptance),
        pytest.param("hung", marks=pytest.mark.acceptance),
        pytest.param("says 503", marks=pytest.mark.acceptance),
    ],
)
def test_a_collector_in_trouble_delays_the_exit_by_no_more_than_the_deadline(
    run_script: RunScript, statsd: StatsdServer, collector: Collector, trouble: str
) -> None:
    if trouble == "dead":
        collector.close()
    elif trouble == "hung":
        collector.answer(200, delay_s=60)
    else:
        collector.answer(*[503] * 100)

    ended = run_script(_WORK)

    assert ended.seconds < _CLOSE_S + _START_S
    assert statsd.wait_until(lambda: statsd.counter("queue.tasks.completed") == 50)


def test_a_statsd_host_without_address_does_not_hold_up_the_exit(run_script: RunScript) -> None:
    ended = run_script(_WORK, log_url=None, statsd_host="no-such-host.invalid")

    assert ended.seconds < _CLOSE_S + _START_S


def test_a_first_event_inside_an_atexit_hook_raises_nothing(run_script: RunScript) -> None:
    """From Python 3.12 on no thread can be started there."""
    ended = run_script("""
        import atexit
        def last_words():
            qt.counter("mails").increment()
            with qt.run("work"): pass
            say(status=qt.health().status, flushed=qt.flush())
        qt.task
        atexit.register(last_words)
        """)

    assert [{"status": "healthy", "flushed": True}] == ended.said


def test_events_after_our_own_exit_hook_raise_nothing(run_script: RunScript, statsd: StatsdServer) -> None:
    ended = run_script("""
        import atexit
        def last_words():
            qt.counter("mails").increment()
            logger.info("too late")
            say(
                statsd=qt.health().telemetry["statsd"]["dropped"],
                logs=qt.health().telemetry["logs"]["dropped"],
                closed=qt.close(),
            )
        atexit.register(last_words)
        qt.counter("mails").increment()
        """)

    assert [{"statsd": {"closed": 1}, "logs": {"closed": 1}, "closed": True}] == ended.said


def test_daemon_threads_that_go_on_raise_nothing(run_script: RunScript, statsd: StatsdServer) -> None:
    run_script("""
        @qt.task("work")
        def work():
            logger.info("working")

        def busy():
            while True: work()

        for _ in range(3): threading.Thread(target=busy, daemon=True).start()
        while qt.health().completed_1h < 100: time.sleep(0.01)
        """)

    assert statsd.wait_until(lambda: statsd.counter("queue.tasks.completed") >= 100)


def test_the_exit_hook_keeps_no_instance_alive(run_script: RunScript) -> None:
    ended = run_script("""
        import gc, weakref
        from queue_telemetry import Telemetry
        telemetry = Telemetry(log_url=None, statsd_port=9)
        telemetry.counter("mails").increment()
        telemetry.close()
        threads = [t for t in threading.enumerate() if t is not threading.main_thread()]
        for thread in threads: thread.join(5)
        seen = weakref.ref(telemetry)
        del telemetry, threads
        gc.collect()
        say(gone=seen() is None)
        """)

    assert [{"gone": True}] == ended.said
