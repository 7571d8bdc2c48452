"""uvicorn serves the probes, from two processes of one service."""

import json
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(60)]

Ask = Callable[..., tuple[int, str]]


@pytest.fixture
def url(serve: Callable[..., tuple[Any, str]]) -> str:
    arguments = ("--host=127.0.0.1", "--port={port}", "--workers=2", "--log-level=warning", "app:asgi")
    return serve("uvicorn", *arguments)[1]


def test_probes_are_answered(url: str, ask: Ask, until: Callable[..., Any]) -> None:
    assert until(lambda: ask(f"{url}/ops/readyz")[0] == 200)

    assert 200 == ask(f"{url}/ops/livez")[0]
    assert 404 == ask(f"{url}/ops/elsewhere")[0]
    assert 403 == ask(f"{url}/ops/healthz?verbose")[0]
    assert "pass" == json.loads(ask(f"{url}/ops/healthz", Accept="application/health+json")[1])["status"]
    assert ask(f"{url}/ops/metrics", Accept="application/openmetrics-text")[1].endswith("# EOF\n")


def test_each_process_answers_for_both(
    url: str, ask: Ask, until: Callable[..., Any], all_agree: Callable[[Callable[[], bool]], bool]
) -> None:
    def report() -> dict[str, Any]:
        said: dict[str, Any] = json.loads(ask(f"{url}/ops/healthz")[1])
        return said

    for _ in range(50):
        assert (200, "done") == ask(f"{url}/work")

    def is_right() -> bool:
        said = report()
        return (2, 50) == (said["processes"], said["completed_1h"])

    assert until(lambda: all_agree(is_right)), report()
