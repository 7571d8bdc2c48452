"""What the public functions promise to type checkers."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.timeout(120)  # without a cache mypy reads every dependency
def test_mypy_strict_sees_the_public_functions_as_promised(tmp_path: Path) -> None:
    checked = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--config-file", "pyproject.toml"),
            *("--cache-dir", str(ROOT / ".mypy_cache"), "tests/typing/api.py"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert (0, "Success: no issues found in 1 source file\n") == (checked.returncode, checked.stdout)
