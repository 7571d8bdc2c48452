"""One process that logs through an outage and says, at each step, how much memory it holds.

Run as `python worker.py SETTINGS STEPS RECORDS`: settings as JSON, and so many steps of so many records.
"""

import json
import sys
from pathlib import Path

from loguru import logger

from queue_telemetry import Telemetry

_WARM_UP = 1_000


def main() -> None:
    """Write one line of JSON before the outage's records and one after each step."""
    settings, steps, records = json.loads(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    logger.remove()
    telemetry = Telemetry(capture_logs=True, **settings)
    telemetry.counter("awake").increment()
    log(_WARM_UP)
    say(telemetry)
    for _ in range(steps):
        log(records)
        say(telemetry)
    telemetry.close(0.5)
    say(telemetry)


def log(records: int) -> None:
    """Log records that differ, every hundredth an error."""
    for number in range(records):
        bound = logger.bind(queue="mail", attempt=number % 5, order=number)
        if number % 100:
            bound.info("order {} was shipped to {}", number, "somewhere far away")
        else:
            bound.error("order {} was lost", number)


def say(telemetry: Telemetry) -> None:
    """Write the resident memory in bytes and the account."""
    status = dict(
        line.split(":", 1) for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    )
    resident_bytes = int(status["VmRSS"].split()[0]) * 1024
    logs = telemetry.health().telemetry["logs"]
    sys.stdout.write(json.dumps({"resident_bytes": resident_bytes, "logs": logs}) + "\n")
    sys.stdout.flush()


main()
