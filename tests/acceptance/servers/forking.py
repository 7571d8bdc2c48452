"""A worker that forks for each task and ends the child in `os._exit`, as job queues do: nothing runs at exit there.

Run as `python forking.py SETTINGS PLAN`, both JSON. It ends once it is told to on its standard input.
"""

import json
import os
import sys

from queue_telemetry import Telemetry


def main() -> None:
    """Fork as often as the plan says, one child after the other, and say how many of them ended well."""
    settings, plan = json.loads(sys.argv[1]), json.loads(sys.argv[2])
    telemetry = Telemetry(**settings, task_logs="none", flush_each_task=True)

    @telemetry.task("send", queue="mail", tags=plan.get("task_tags", {}))
    def send() -> None: ...

    ended_well = 0
    for _ in range(plan["children"]):
        child = os.fork()
        if child == 0:
            send()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        ended_well += os.waitstatus_to_exitcode(status) == 0
    sys.stdout.write(json.dumps({"ended_well": ended_well}) + "\n")
    sys.stdout.flush()
    sys.stdin.readline()
    telemetry.close()
    sys.stdout.write(json.dumps(telemetry.health().telemetry["statsd"]) + "\n")


main()
