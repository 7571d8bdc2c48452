"""One process of an application: decorated tasks, timers and gauges over many flushes; says what it did and waits.

Run as `python workload.py SETTINGS PLAN`, both JSON. It ends once it is told to on its standard input.
"""

import json
import sys
import threading
from contextlib import suppress

from queue_telemetry import Telemetry

_BETWEEN_ROUNDS_S = 0.05  # an application's flushes are seconds apart; a plan of bursts says 0


def main() -> None:
    """Work, flush, say what became of it, wait, close, and say it again."""
    settings, plan = json.loads(sys.argv[1]), json.loads(sys.argv[2])
    telemetry = Telemetry(**settings, task_logs="none")

    @telemetry.task("send", queue="mail", tags=plan.get("task_tags", {}))
    def send() -> None: ...

    @telemetry.task("fail", queue="mail")
    def fail() -> None:
        raise ValueError

    templates = plan.get("templates", ["invoice"])
    renders = [telemetry.timer("render", template=template) for template in templates]
    pause = threading.Event()
    with telemetry.worker("w", slots=plan.get("slots", 1)):
        telemetry.queue_size("mail").set(42)
        telemetry.gauge("balance", account="main").set(plan.get("balance", -7.25))
        for _ in range(plan.get("rounds", 1)):
            for number in range(plan.get("tasks", 0)):
                send()
                if number % 10 == 0:
                    with suppress(ValueError):
                        fail()
            for render in renders:
                for milliseconds in range(plan.get("timings", 0)):
                    render.observe((milliseconds % 100 + 1) / 1000)
            telemetry.counter("mails_sent", provider="ses").increment(plan.get("mails", 3))
            if not telemetry.flush(10.0):
                sys.exit("not everything was sent in time")
            pause.wait(plan.get("pause_s", _BETWEEN_ROUNDS_S))
        say(telemetry)
        sys.stdin.readline()
    telemetry.close()
    say(telemetry)


def say(telemetry: Telemetry) -> None:
    """Write what became of every call as one line of JSON."""
    sys.stdout.write(json.dumps(telemetry.health().telemetry["statsd"]) + "\n")
    sys.stdout.flush()


main()
