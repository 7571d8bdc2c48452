"""Prints the budgets of the library beside what its peers cost, measured in one run."""

import argparse
import os
import platform
import sys
from importlib.metadata import version

from benchmarks import (
    callers_thread,
    emission,
    health,
    log_callers,
    log_memory,
    log_record,
    log_shipping,
    one_increment,
    processes,
    whole_task,
)
from benchmarks.measure import Effort
from benchmarks.receiver import receiving

_PACKAGES = (
    "queue-telemetry",
    "prometheus_client",
    "datadog",
    "statsd",
    "loguru",
    "orjson",
    "loki-logger-handler",
    "opentelemetry-sdk",
    "python-logstash-async",
)


def main() -> int:
    """Run every comparison."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under a minute; medians of fewer rounds")
    quick = parser.parse_args().quick
    print(f"{platform.python_implementation()} {platform.python_version()}, {platform.platform()}")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; medians of interleaved rounds, CPU time")
    print(", ".join(f"{name} {version(name)}" for name in _PACKAGES))
    with receiving() as port:
        callers_thread.compare(port, Effort(calls=10_000, rounds=25 if quick else 101))
        whole_task.compare(port, Effort(calls=20_000, rounds=7 if quick else 25))
        one_increment.compare(port, Effort(calls=20_000, rounds=7 if quick else 25))
        health.compare(port, Effort(calls=20, rounds=5 if quick else 15))
        emission.compare(port, Effort(calls=20_000 if quick else 100_000, rounds=3))
    processes.compare(Effort(calls=5, rounds=5 if quick else 15), rounds=7 if quick else 25)
    log_record.compare(Effort(calls=1_000, rounds=7 if quick else 51))
    log_shipping.compare(rounds=1 if quick else 7)
    log_callers.compare(calls=1_000 if quick else 4_000, rounds=1 if quick else 3)
    log_memory.compare(steps=2 if quick else 8)
    return 0


if __name__ == "__main__":
    sys.exit(main())
