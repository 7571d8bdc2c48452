"""The lazy default under wrong settings: said once, shown in health, and no task is harmed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from queue_telemetry.testing import Collector, StatsdServer

RunScript = Callable[..., Any]

_LOUD = """
import logging
lines = []
class Lines(logging.Handler):
    def emit(self, record): lines.append((record.levelname, record.getMessage()))
logging.getLogger("queue_telemetry").addHandler(Lines())
"""


def test_wrong_settings_keep_their_defaults_and_the_right_ones_count(
    run_script: RunScript, statsd: StatsdServer
) -> None:
    ended = run_script(
        f"""{_LOUD}
@qt.task("work")
def work(): return "done"
results = [work() for _ in range(3)]
report = qt.health()
say(results=results, status=report.status, ready=report.ready, reasons=report.reasons, lines=lines)
""",
        statsd_flush_interval_s="soon",
        max_series="many",
        log_url="nowhere",
        typo="x",
        quiet=False,
    ).said[0]

    assert ["done"] * 3 == ended["results"]
    assert ("degraded", True, ["configuration_invalid"]) == (
        ended["status"],
        ended["ready"],
        ended["reasons"],
    )
    ((level, text),) = ended["lines"]
    assert "ERROR" == level
    assert [True] * 4 == [name in text for name in ("FLUSH_INTERVAL_S", "MAX_SERIES", "LOG_URL", "TYPO")]
    assert statsd.wait_until(lambda: statsd.counter("queue.tasks.completed") == 3)


def test_tags_that_become_one_cost_the_tags_alone(run_script: RunScript, statsd: StatsdServer) -> None:
    ended = run_script(
        f"""{_LOUD}
for _ in range(3):
    with qt.run("work"): pass
report = qt.health()
qt.flush()
say(reasons=report.reasons, levels=[level for level, _ in lines], text=lines[0][1])
""",
        statsd_dialect="datadog",
        tags="Team:x,team:y",
        quiet=False,
    ).said[0]

    assert ["configuration_invalid"] == ended["reasons"]
    assert ["ERROR"] == ended["levels"]
    assert "'Team' and 'team'" in ended["text"]
    assert statsd.wait_until(lambda: statsd.counter("queue.tasks.completed") == 3)


def test_certificates_that_cannot_be_read_cost_the_logs_alone(
    run_script: RunScript, statsd: StatsdServer, tmp_path: Path
) -> None:
    authorities = tmp_path / "ca.pem"
    authorities.write_text("nothing")
    ended = run_script(
        f"""{_LOUD}
for _ in range(3):
    with qt.run("work"): pass
report = qt.health()
say(reasons=report.reasons, ready=report.ready, levels=[level for level, _ in lines], text=lines[0][1])
""",
        log_url="https://localhost:1/",
        log_tls_ca=str(authorities),
        quiet=False,
    ).said[0]

    assert (["configuration_invalid"], True, ["ERROR"]) == (ended["reasons"], ended["ready"], ended["levels"])
    assert "cannot be read" in ended["text"]
    assert statsd.wait_until(lambda: statsd.counter("queue.tasks.completed") == 3)


def test_a_folder_that_cannot_be_used_costs_the_disk_alone(
    run_script: RunScript, collector: Collector, tmp_path: Path
) -> None:
    taken = tmp_path / "taken"
    taken.write_text("")
    ended = run_script(
        f"""{_LOUD}
with qt.run("work"): pass
qt.flush(5.0)
say(reasons=qt.health().reasons, levels=[level for level, _ in lines], text=lines[0][1])
""",
        log_url=collector.url,
        log_spool_dir=str(taken),
        log_durability="wal",
        quiet=False,
    ).said[0]

    assert (["configuration_invalid"], ["ERROR"]) == (ended["reasons"], ended["levels"])
    assert ended["text"].startswith("no log records on disk: LOG_SPOOL_DIR")
    assert "task_completed" in {record["event"] for record in collector.records}


def test_configure_raises_and_the_default_goes_on_as_before(
    run_script: RunScript, statsd: StatsdServer, collector: Collector
) -> None:
    ended = run_script("""
        qt.counter("mails").increment()
        try:
            qt.configure(statsd_prot=1)
        except qt.ConfigurationError as error:
            say(error=str(error), is_value_error=isinstance(error, ValueError))
        qt.counter("mails").increment()
        """).said[0]

    assert "statsd_port" in ended["error"]
    assert ended["is_value_error"]
    assert statsd.wait_until(lambda: statsd.counter("mails") == 2)


def test_configure_mends_what_was_invalid(run_script: RunScript, statsd: StatsdServer) -> None:
    ended = run_script(
        """
        qt.counter("mails").increment()
        before = qt.health().reasons
        os.environ.pop("QUEUE_TELEMETRY_MAX_SERIES")
        qt.configure()
        say(before=before, after=qt.health().reasons)
        """,
        max_series="many",
        quiet=False,
    )

    assert "queue_telemetry: ERROR: " in ended.stderr
    assert [{"before": ["configuration_invalid"], "after": []}] == ended.said


def test_keywords_beat_the_environment_before_and_after_decoration(
    run_script: RunScript, statsd: StatsdServer
) -> None:
    with StatsdServer() as unused:
        run_script(
            f"""
            qt.configure(statsd_port={statsd.port})
            @qt.task("work")
            def work(): pass
            work()
            qt.configure(statsd_port={statsd.port}, service="billing")
            work()
            """,
            statsd_port=unused.port,
        )

        assert statsd.wait_until(lambda: statsd.counter("queue.tasks.completed") == 2)
        assert 1 == statsd.counter("queue.tasks.completed", service="billing")
        assert 0 == unused.datagrams


def test_switched_off_by_the_environment_nothing_starts(run_script: RunScript, statsd: StatsdServer) -> None:
    ended = run_script(
        """
        @qt.task("work")
        def work(): return qt.current().type
        say(result=work(), threads=threading.active_count(), status=qt.health().status, ready=qt.ready(),
            flushed=qt.flush(), closed=qt.close())
        """,
        enabled="false",
    )

    told = {
        "result": "work",
        "threads": 1,
        "status": "healthy",
        "ready": True,
        "flushed": True,
        "closed": True,
    }
    assert [told] == ended.said
    assert 0 == statsd.datagrams


def test_the_default_ships_ordinary_records_and_none_of_another_instances_tasks(
    run_script: RunScript, collector: Collector
) -> None:
    run_script("""
        from queue_telemetry import Telemetry
        other = Telemetry(log_url=None, task_logs="none")
        qt.health()

        @other.task("work")
        def work(): logger.info("of the other")

        work()
        logger.info("of nobody")
        """)

    assert ["of nobody"] == [record["message"] for record in collector.records]
