"""One process that logs numbered records and says each number once its logger call returned, until it is killed or done.

Run as `python writer.py SETTINGS FIRST COUNT`, settings as JSON. A count of 0 logs nothing, but delivers what a dead
process left.
"""

import glob
import json
import os
import sys
import time
from pathlib import Path

from loguru import logger

from queue_telemetry import Telemetry

_DELIVERED_WITHIN_S = 20.0


def main() -> None:
    """Log, flush, and wait until what was adopted is delivered too."""
    settings, first, count = json.loads(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    logger.remove()
    telemetry = Telemetry(capture_logs=True, **settings)
    telemetry.counter("awake").increment()
    for number in range(first, first + count):
        logger.bind(n=number).info("record {}", number)
        os.write(1, b"%d\n" % number)
    logger.info("the last one wakes the shipper")
    deadline_s = time.monotonic() + _DELIVERED_WITHIN_S
    while not telemetry.flush(0.1) or others_left(Path(settings["log_spool_dir"])):
        if time.monotonic() > deadline_s:
            sys.exit(f"not everything was delivered in time: {telemetry.health().telemetry['logs']}")
    telemetry.close()


def others_left(spool: Path) -> bool:
    """Tell whether anything is left of other processes, whose directories bear their ids."""
    segments = glob.glob(f"{spool}/*/*/*.seg")  # noqa: PTH207 - pathlib raises where a folder goes meanwhile
    return any(f"-{os.getpid()}-" not in segment for segment in segments)


main()
