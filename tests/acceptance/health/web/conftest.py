"""Web servers that run the application with the library from this environment, on a free port of loopback."""

import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

_HERE: Final = Path(__file__).parent
_KEPT_S: Final = 1.2  # what one process heard of the others may be a second old
_PACKAGES: Final = Path("web", "lib", "python3*", "site-packages")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def serve(
    installed: Callable[..., str],
    start_server: Callable[..., Any],
    free_port: Callable[..., int],
    listens: Callable[[int], bool],
    state: Path,
) -> Callable[..., tuple[Any, str]]:
    """Start one by its module and arguments, in which `{port}` stands for the port; return it and its URL."""

    def start(module: str, *arguments: str) -> tuple[Any, str]:
        package = Path(installed(module, _PACKAGES / module))
        port = free_port()
        variables = {
            "PYTHONPATH": f"{package.parent}:{_HERE}",
            "QUEUE_TELEMETRY_SERVICE": "pool",
            "QUEUE_TELEMETRY_STATE_DIR": str(state),
            "QUEUE_TELEMETRY_STATSD_PORT": str(free_port(socket.SOCK_DGRAM)),
        }
        command = [sys.executable, "-m", module, *(argument.format(port=port) for argument in arguments)]
        server = start_server(module, command, lambda _: listens(port), variables=variables)
        return server, f"http://127.0.0.1:{port}"

    return start


@pytest.fixture(scope="session")
def all_agree() -> Callable[[Callable[[], bool]], bool]:
    """Tell whether every answer is right for longer than one of them is kept, whichever process gives it."""

    def ask_on(is_right: Callable[[], bool]) -> bool:
        began_s = time.monotonic()
        while is_right():
            if time.monotonic() - began_s > _KEPT_S:
                return True
        return False

    return ask_on
