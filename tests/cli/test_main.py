"""The command line refuses what it cannot run, each with one clear line."""

import subprocess
from collections.abc import Callable

import pytest

from queue_telemetry.cli import main

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.mark.parametrize(
    "arguments",
    [[], ["nonsense"], ["demo", "--tasks", "0"], ["demo", "--tasks", "-1"], ["demo", "--tasks", "x"]],
)
def test_what_cannot_be_read_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        main(arguments)

    assert 2 == ending.value.code
    assert "usage: queue-telemetry" in capsys.readouterr().err


def test_a_wrong_number_of_tasks_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["demo", "--tasks", "0"])

    assert "'0' is not a whole number above 0" in capsys.readouterr().err


def test_without_rich_the_demo_says_how_to_get_it(python: Run) -> None:
    script = "import sys; sys.modules['rich'] = None\nfrom queue_telemetry.cli import main\nsys.exit(main(['demo']))"

    done = python("-c", script)

    assert 2 == done.returncode
    assert "the demo needs rich: pip install 'queue-telemetry[demo]'\n" == done.stderr


def test_the_command_line_loads_nothing_that_a_probe_can_do_without(python: Run) -> None:
    script = (
        "import sys, queue_telemetry.cli\n"
        "print(sorted({'pydantic', 'httpx', 'loguru', 'rich', 'statsd', 'orjson'} & set(sys.modules)))"
    )

    assert "[]\n" == python("-c", script).stdout


def test_an_interrupt_ends_the_demo_at_once_without_a_traceback(python: Run) -> None:
    script = (
        "import signal, sys; from queue_telemetry.cli import main\n"
        "signal.signal(signal.SIGALRM, signal.default_int_handler)\n"
        "signal.setitimer(signal.ITIMER_REAL, 1.5)\n"
        "sys.exit(main(['demo', '--tasks', '100000']))"
    )

    done = python("-c", script)

    assert (130, "") == (done.returncode, done.stderr)
