"""The files of default settings, and what makes sure that an expression asks for what there is."""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pytest

from queue_telemetry.export import exported
from queue_telemetry.metrics import CATALOG, Kind, Metric
from queue_telemetry.settings import Settings

_PARTS: Final = {Kind.COUNTER: ("",), Kind.GAUGE: ("",), Kind.TIMER: ("_bucket", "_count", "_sum")}
_SAMPLES: Final[Mapping[str, Metric]] = {
    metric.prometheus_name + part: metric for metric in CATALOG.values() for part in _PARTS[metric.kind]
}
_SELECTED: Final = re.compile(r"\b(queue_\w+)(?:\{([^}]*)\})?(\[[^\]]+\])?( offset \w+)?")
_BY: Final = re.compile(r"by \(([^)]*)\)")
_SCRAPED: Final = {"job", "instance"}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.upper().startswith(("QUEUE_TELEMETRY_", "DD_", "STATSD_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def texts() -> Callable[..., dict[str, str]]:
    """Return the files that these settings give, by path."""

    def make(target: str, **settings: object) -> dict[str, str]:
        return {file.path: file.text for file in exported(Settings(**settings), target)}

    return make


@pytest.fixture
def assert_asks_for_what_there_is() -> Callable[[str], None]:
    """Fail for a metric, a label or a form of a metric in PromQL that the catalog does not have."""

    def check(expr: str) -> None:
        selected = list(_SELECTED.finditer(expr))
        assert selected, expr
        labels: set[str] = set()
        for found in selected:
            name, where, window, offset = found.groups()
            assert name in _SAMPLES, expr
            metric = _SAMPLES[name]
            own = {*metric.tags, *_SCRAPED}
            assert set(re.findall(r"(\w+)\s*(?:=|!)", where or "")) <= own, expr
            labels |= own | ({"le"} if name.endswith("_bucket") else set())
            if metric.kind is Kind.GAUGE:
                assert (None, None) == (window, offset), f"a gauge is shown as it is: {expr}"
            elif window is None:
                assert "unless" in expr or "absent" in expr, f"a counter is shown by its growth: {expr}"
        for by in _BY.findall(expr):
            assert {label.strip() for label in by.split(",")} <= labels, expr

    return check
