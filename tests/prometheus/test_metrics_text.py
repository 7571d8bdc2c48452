import subprocess
import sys
from pathlib import Path

from queue_telemetry.prometheus import MetricsText, Scrape


def test_it_writes_what_there_is_now(scrape: Scrape) -> None:
    scrapes = [scrape]
    text = MetricsText(scrapes.pop)
    text.load()

    written = text(False)

    assert written is not None
    assert b'queue_tasks_completed_total{queue="mail",type="send"} 3.0\n' in written[0]


def test_before_it_is_loaded_there_is_nothing(scrape: Scrape) -> None:
    assert None is MetricsText(lambda: scrape)(True)


def test_without_prometheus_client_there_is_nothing(tmp_path: Path) -> None:
    script = """
import sys
sys.modules["prometheus_client"] = None
from queue_telemetry.prometheus import MetricsText
text = MetricsText(lambda: 1 / 0)
text.load()
text.load()
print(text(False))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=15, check=False, cwd=tmp_path
    )

    assert ("None\n", "") == (done.stdout, done.stderr)
