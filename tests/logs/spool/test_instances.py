"""One telemetry at a time on one folder and destination."""

import gc
from pathlib import Path

import pytest

from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.logs.spool._instances import claim


def test_a_second_one_is_refused_and_told_of_the_setting(tmp_path: Path) -> None:
    first = claim(tmp_path, "dest", object())

    with pytest.raises(ConfigurationError, match=r"LOG_SPOOL_DIR is '.*a folder of its own"):
        claim(tmp_path, "dest", object())
    assert first is not None


def test_a_second_one_without_an_owner_is_refused(tmp_path: Path) -> None:
    first = claim(tmp_path, "dest", None)

    with pytest.raises(ConfigurationError):
        claim(tmp_path, "dest", None)
    assert first is not None


def test_a_successor_of_the_same_owner_shares_it(tmp_path: Path) -> None:
    owner = object()
    first = claim(tmp_path, "dest", owner)

    assert first is claim(tmp_path, "dest", owner)


def test_another_destination_is_free(tmp_path: Path) -> None:
    first = claim(tmp_path, "dest", None)

    assert first is not claim(tmp_path, "other", None)


def test_the_same_folder_by_another_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    first = claim(tmp_path / "real" / "spool", "dest", None)

    with pytest.raises(ConfigurationError):
        claim(tmp_path / "link" / "spool", "dest", None)
    assert first is not None


def test_it_is_free_when_nobody_has_it_any_more(tmp_path: Path) -> None:
    first = claim(tmp_path, "dest", object())
    del first
    gc.collect()

    assert claim(tmp_path, "dest", None) is not None
