"""Reads the command line and hands on to the subcommand; each loads only what it needs."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

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
        return int(arguments.run(arguments))
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
    demo.set_defaults(run=lambda arguments: _demo(arguments.tasks, hold=arguments.hold))
    _add_health(commands)
    _add_export(commands)
    return parser


def _add_health(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    health = commands.add_parser(
        "health",
        help="tell whether a service's processes on this host are well",
        description="Reads what the processes of a service on this host tell of themselves; loads no application and"
        " asks no broker. Exits with 0 when all is well, 1 when not or when none lives, 2 when it cannot tell.",
    )
    question = health.add_mutually_exclusive_group()
    question.add_argument("--live", action="store_true", help="only whether a restart would help")
    question.add_argument("--ready", action="store_true", help="only whether they should be given work")
    health.add_argument("--json", action="store_true", help="print the whole report")
    health.add_argument(
        "--state-dir", metavar="DIR", help="as QUEUE_TELEMETRY_STATE_DIR, which is the default, says"
    )
    health.add_argument(
        "--service",
        metavar="NAME",
        help="as QUEUE_TELEMETRY_SERVICE or DD_SERVICE, the default, says; without any, the only one there is",
    )
    health.set_defaults(run=_health)


def _add_export(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    export = commands.add_parser(
        "export",
        help="write dashboards, alert rules and mappings for other systems",
        description="Writes files for Grafana, Prometheus, Datadog, statsd_exporter, Carbon, HAProxy and Kubernetes, from the"
        " library's own names and the settings in force: prefix, ports and thresholds. Files that are there are written"
        " over.",
    )
    export.add_argument(
        "--target",
        default="all",
        metavar="NAME",
        help="grafana, prometheus, datadog, statsd-exporter, carbon, haproxy, kubernetes, or all, the default",
    )
    export.add_argument(
        "--out", type=Path, default=Path("config"), metavar="DIR", help="where to (default: %(default)s)"
    )
    export.set_defaults(run=_export)


def _export(arguments: argparse.Namespace) -> int:
    from queue_telemetry.cli._export import run_export  # noqa: PLC0415 - each loads only what it needs

    return run_export(arguments.target, arguments.out)


def _health(arguments: argparse.Namespace) -> int:
    from queue_telemetry.cli._health import run_health  # noqa: PLC0415 - each loads only what it needs

    question = "live" if arguments.live else "ready" if arguments.ready else "health"
    return run_health(question, arguments.state_dir, arguments.service, as_json=arguments.json)


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
