"""The examples in `config/` are what the command writes with default settings."""

from pathlib import Path

import pytest

from queue_telemetry.export import TARGETS, exported
from queue_telemetry.settings import Settings

CONFIG = Path(__file__).parent.parent.parent / "config"


@pytest.mark.parametrize("target", TARGETS)
def test_the_committed_files_are_what_is_written(target: str) -> None:
    """After a change: `queue-telemetry export --target NAME --out config`, with no setting in the environment."""
    committed = {
        str(path.relative_to(CONFIG)): path.read_text()
        for path in (CONFIG / target).rglob("*")
        if path.is_file()
    }

    assert {file.path: file.text for file in exported(Settings(), target)} == committed


def test_without_a_target_there_are_all() -> None:
    every = [file.path for file in exported(Settings())]

    assert [file.path for target in TARGETS for file in exported(Settings(), target)] == every
    assert len(every) == len(set(every))


def test_every_folder_of_examples_is_a_target() -> None:
    assert set(TARGETS) == {path.name for path in CONFIG.iterdir() if path.is_dir()}
