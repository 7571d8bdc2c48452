"""Signal handlers that use the library while the code they interrupt does the same."""

from collections.abc import Callable
from typing import Any

import pytest

from queue_telemetry.testing import Collector, StatsdServer

RunScript = Callable[..., Any]


@pytest.mark.parametrize("children", [0, 20], ids=["one process", "children too"])
def test_a_handler_may_call_anything_while_the_main_thread_does(
    run_script: RunScript, statsd: StatsdServer, collector: Collector, children: int
) -> None:
    """No deadlock and no exception; what loguru itself says of a handler inside a handler is loguru's."""
    ended = run_script(
        f"""
        import random
        handled, armed, slowest = 0, True, 0.0

        def arm():  # again at a handler's end, so that they do not pile up
            signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0001, 0.003) if armed else 0)

        @qt.task("work")
        def work():
            qt.counter("mails").increment()

        def handler(*_):
            global handled, slowest
            handled += 1
            began = time.monotonic()
            qt.counter("signals").increment()
            work()
            kind = handled % 5
            if kind == 0: qt.health().as_dict()
            elif kind == 1: qt.flush(0.05)
            elif kind == 2: qt.gauge("g", n=handled).set(1)
            elif kind == 3: qt.ready()
            else:
                try: logger.info("signal")
                except RuntimeError: pass
            slowest = max(slowest, time.monotonic() - began)
            arm()

        def session(seconds):
            done = 0
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                work()
                done += 1
                if done % 3 == 0: qt.health()
                if done % 7 == 0: qt.flush(0.05)
                if done % 2 == 0: logger.info("main")
            return done

        signal.signal(signal.SIGALRM, handler)
        arm()
        done = session({0.2 if children else 1.0})
        for _ in range({children}):
            armed = False
            arm()  # a handler that logs inside of os.fork() hangs in loguru, which has taken its locks for it
            pid = os.fork()
            armed = True
            arm()
            if not pid:
                session(0.03)
                armed = False
                os._exit(0 if qt.close(10.0) else 1)
            assert not os.waitpid(pid, 0)[1]
        armed = False
        arm()
        say(done=done, handled=handled, slowest=slowest, flushed=qt.flush(10.0), closed=qt.close(10.0),
            totals=qt.counter.__self__._stats.snapshot().totals["mails"])
        """,
        task_logs="none",
        quiet=False,
    ).said[0]

    assert (True, True) == (ended["flushed"], ended["closed"])
    assert ended["handled"] > 5
    assert ended["slowest"] < 0.95  # nobody waits for the code that is interrupted; that would take a second
    if not children:
        assert ended["done"] + ended["handled"] == ended["totals"]
        assert statsd.wait_until(lambda: statsd.counter("mails") == ended["totals"])
        assert statsd.counter("signals") == ended["handled"]


def test_a_handler_may_close_in_the_middle_of_anything(run_script: RunScript) -> None:
    """Like the handler of SIGTERM that a worker installs; forty times, each in a child that just woke up."""
    ended = run_script(
        """
        import random

        @qt.task("work")
        def work():
            logger.info("working")

        def handler(*_):
            began = time.monotonic()
            qt.close(2.0)
            os._exit(0 if time.monotonic() - began < 4.0 else 3)

        signal.signal(signal.SIGALRM, handler)
        codes = []
        for _ in range(40):
            pid = os.fork()
            if not pid:
                signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0001, 0.02))
                while True:
                    work()
                    qt.flush(0.05)
            codes.append(os.waitpid(pid, 0)[1])
        say(codes=sorted(set(codes)))
        """
    )

    assert [{"codes": [0]}] == ended.said


def test_the_first_event_may_be_a_handlers(run_script: RunScript, statsd: StatsdServer) -> None:
    run_script(
        """
        signal.signal(signal.SIGALRM, lambda *_: qt.counter("mails").increment())
        counter = qt.counter("mails")
        signal.raise_signal(signal.SIGALRM)
        counter.increment()
        """
    )

    assert statsd.wait_until(lambda: statsd.counter("mails") == 2)
