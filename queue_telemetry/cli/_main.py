"""Reads the command line and hands on to the subcommand; each loads only what it needs."""

import argparse
import sys
from collections.abc import Sequence

from queue_telemetry.exceptions import ConfigurationError

__all__ = ["main"]

_DEFAULT_TASKS = 2000
_CANNOT_RUN = 2
_INTERRUPTED = 130  # as shells report SIGINT


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: The arguments without the program's name; None takes the process's own.

    Returns:
        The exit code: 0 when all is well, 1 when the subcommand found something wrong, 2 when it could not run.
    """
    arguments = _parser().parse_args(argv)
    try:
        return _demo(arguments.tasks, hold=arguments.hold)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except ConfigurationError as error:
        print(f"queue-telemetry: {error}", file=sys.stderr)
        return _CANNOT_RUN


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="queue-telemetry", description="Telemetry for task queues, from the command line."
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    demo = commands.add_parser(
        "demo",
        help="run tasks against receivers on loopback and compare what arrived with what was done",
        description="Runs a producer and four workers on a standard queue, with a StatsD server and a log collector on"
        " loopback. Exits with 0 only if what arrived equals what was done.",
    )
    demo.add_argument(
        "--tasks", type=_positive, default=_DEFAULT_TASKS, metavar="N", help="how many (default: %(default)s)"
    )
    demo.add_argument("--hold", action="store_true", help="then serve /healthz until Ctrl-C")
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _demo(tasks: int, *, hold: bool) -> int:
    try:
        from queue_telemetry.cli._demo import run_demo  # noqa: PLC0415 - rich is optional
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "rich":
            raise
        print("the demo needs rich: pip install 'queue-telemetry[demo]'", file=sys.stderr)
        return _CANNOT_RUN
    from queue_telemetry.testing import Collector, StatsdServer  # noqa: PLC0415 - only the demo needs them

    with StatsdServer(dialect="datadog") as statsd, Collector() as collector:
        return run_demo(statsd, collector, tasks=tasks, hold=hold)
