"""SIGTERM as the start of a drain, with real signals in processes of their own."""

from collections.abc import Callable
from typing import Any

import pytest

RunScript = Callable[..., Any]

_ON = {"health_drain_on_sigterm": True}


def test_the_handler_that_was_there_runs_after_the_drain(run_script: RunScript) -> None:
    ended = run_script(
        """
        seen = []
        signal.signal(signal.SIGTERM, lambda number, frame: seen.append((number, qt.health().status, frame is not None)))
        qt.configure()
        signal.raise_signal(signal.SIGTERM)
        report = qt.health()
        say(seen=seen, status=report.status, live=report.live, ready=report.ready)
        """,
        **_ON,
    )

    assert [
        {"seen": [[15, "draining", True]], "status": "draining", "live": True, "ready": False}
    ] == ended.said


def test_a_handler_that_raises_system_exit_still_does(run_script: RunScript) -> None:
    ended = run_script(
        """
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
        qt.counter("mails").increment()  # the first event will do
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            say(ready=qt.ready())
        """,
        code=7,
        **_ON,
    )

    assert [{"ready": False}] == ended.said


def test_without_a_handler_the_process_dies_as_it_would(run_script: RunScript) -> None:
    run_script("qt.configure(); signal.raise_signal(signal.SIGTERM); say(alive=True)", code=-15, **_ON)


def test_one_that_ignores_it_lives_and_drains(run_script: RunScript) -> None:
    ended = run_script(
        """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        qt.configure()
        signal.raise_signal(signal.SIGTERM)
        say(ready=qt.ready())
        """,
        **_ON,
    )

    assert [{"ready": False}] == ended.said


def test_a_handler_that_is_set_later_and_calls_the_one_before_drains(run_script: RunScript) -> None:
    ended = run_script(
        """
        qt.configure()
        before = signal.getsignal(signal.SIGTERM)
        signal.signal(signal.SIGTERM, lambda *args: before(*args) if callable(before) else None)
        before.__self__.before = signal.SIG_IGN  # so that the process lives to tell
        signal.raise_signal(signal.SIGTERM)
        say(ready=qt.ready())
        """,
        **_ON,
    )

    assert [{"ready": False}] == ended.said


def test_a_handler_that_replaces_it_is_noticed_and_said_once(run_script: RunScript) -> None:
    ended = run_script(
        """
        import logging
        logging.basicConfig(format="%(message)s")
        qt.counter("mails").increment()
        signal.signal(signal.SIGTERM, lambda *_: None)
        vigil = qt.health.__self__._vigil
        for _ in range(3):
            vigil._sigterm.check()
        signal.raise_signal(signal.SIGTERM)
        say(ready=qt.ready())
        """,
        quiet=False,
        **_ON,
    )

    assert [{"ready": True}] == ended.said
    assert 1 == ended.stderr.count("another handler of SIGTERM was set since")


def test_a_configure_or_first_event_after_it_puts_the_drain_in_front_again(run_script: RunScript) -> None:
    ended = run_script(
        """
        seen = []
        qt.configure()
        signal.signal(signal.SIGTERM, lambda *_: seen.append("own"))
        qt.counter("mails").increment()
        signal.raise_signal(signal.SIGTERM)
        say(ready=qt.ready(), seen=seen)
        """,
        **_ON,
    )

    assert [{"ready": False, "seen": ["own"]}] == ended.said


def test_close_puts_back_what_was_there(run_script: RunScript) -> None:
    ended = run_script(
        """
        def own(*_): pass
        signal.signal(signal.SIGTERM, own)
        qt.configure()
        installed = signal.getsignal(signal.SIGTERM) is not own
        qt.configure()
        qt.close()
        say(installed=installed, back=signal.getsignal(signal.SIGTERM) is own)
        """,
        **_ON,
    )

    assert [{"installed": True, "back": True}] == ended.said


def test_closed_elsewhere_it_only_passes_the_signal_on(run_script: RunScript) -> None:
    """Another thread may not change handlers, nor may what stands in front be taken away."""
    ended = run_script(
        """
        seen = []
        signal.signal(signal.SIGTERM, lambda *_: seen.append("own"))
        qt.configure()
        closing = threading.Thread(target=qt.close)
        closing.start()
        closing.join()
        signal.raise_signal(signal.SIGTERM)
        say(seen=seen, draining=qt.health().draining)
        """,
        **_ON,
    )

    assert [{"seen": ["own"], "draining": False}] == ended.said


def test_two_instances_chain_and_end_in_any_order(run_script: RunScript) -> None:
    ended = run_script(
        """
        def own(*_): seen.append("own")
        signal.signal(signal.SIGTERM, own)
        first, second = (qt.Telemetry(health_drain_on_sigterm=True) for _ in range(2))
        for telemetry in (first, second):
            telemetry.counter("mails").increment()
        states = []
        seen = []
        signal.raise_signal(signal.SIGTERM)
        states.append([first.health().draining, second.health().draining])
        first.close()
        signal.raise_signal(signal.SIGTERM)
        second.close()
        signal.raise_signal(signal.SIGTERM)
        say(states=states, seen=seen)
        """,
        **_ON,
    )

    assert [{"states": [[True, True]], "seen": ["own"] * 3}] == ended.said


def test_from_another_thread_nothing_is_installed_and_that_is_said(run_script: RunScript) -> None:
    ended = run_script(
        """
        import logging
        logging.basicConfig(format="%(message)s")
        before = signal.getsignal(signal.SIGTERM)
        waking = threading.Thread(target=qt.counter("mails").increment)
        waking.start()
        waking.join()
        same = signal.getsignal(signal.SIGTERM) is before
        qt.configure()
        say(same=same, then=signal.getsignal(signal.SIGTERM) is before)
        """,
        quiet=False,
        **_ON,
    )

    assert [{"same": True, "then": False}] == ended.said
    assert "call configure() in the main thread" in ended.stderr


def test_a_forked_child_drains_by_itself(run_script: RunScript) -> None:
    ended = run_script(
        """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        qt.configure()
        qt.counter("mails").increment()
        pid = os.fork()
        if not pid:
            qt.counter("mails").increment()
            signal.raise_signal(signal.SIGTERM)
            say(child=qt.health().draining)
            os._exit(0)
        os.waitpid(pid, 0)
        say(parent=qt.health().draining)
        """,
        **_ON,
    )

    assert [{"child": True}, {"parent": False}] == ended.said


@pytest.mark.parametrize("event", ["qt.configure()", "qt.counter('mails').increment()"])
def test_it_is_off_unless_asked_for(run_script: RunScript, event: str) -> None:
    ended = run_script(
        f"""
        before = signal.getsignal(signal.SIGTERM)
        {event}
        say(same=signal.getsignal(signal.SIGTERM) == before)
        """
    )

    assert [{"same": True}] == ended.said
