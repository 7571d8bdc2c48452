import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry.settings import _dotenv


def test_no_file_gives_nothing() -> None:
    assert _dotenv.read_dotenv() == ({}, [])


def test_variables_are_read_with_comments_quotes_and_references() -> None:
    Path(".env").write_text("# who\nA=1 # one\nexport B='two words'\nC=${A}${B}\nD\n")

    assert _dotenv.read_dotenv() == ({"A": "1", "B": "two words", "C": "1two words"}, [])


def test_a_directory_of_that_name_is_no_file() -> None:
    Path(".env").mkdir()  # a virtual environment

    assert _dotenv.read_dotenv() == ({}, [])


def test_a_pipe_of_that_name_is_not_waited_for() -> None:
    os.mkfifo(".env")

    assert _dotenv.read_dotenv() == ({}, [])


def test_a_malformed_line_is_named_by_number_and_the_others_count(caplog: pytest.LogCaptureFixture) -> None:
    Path(".env").write_text("A=1\n\n\nTOKEN='s3cr3t\nB=2\n")

    assert _dotenv.read_dotenv() == ({"A": "1", "B": "2"}, [".env: line 4 should be NAME=value"])
    assert caplog.messages == []


def test_bytes_that_are_not_utf8_are_a_problem() -> None:
    Path(".env").write_bytes(b"A=\xff\xfe")

    problem = ".env: cannot be read (UnicodeDecodeError): should be readable UTF-8 text"
    assert _dotenv.read_dotenv() == ({}, [problem])


def test_a_file_that_cannot_be_looked_at_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_dotenv, "FILE_NAME", f"{'x' * 300}.env")  # too long a name, also for root

    ((found, problems), name) = (_dotenv.read_dotenv(), _dotenv.FILE_NAME)

    assert found == {}
    assert problems == [f"{name}: cannot be read (OSError): should be readable UTF-8 text"]


@given(st.binary(max_size=200))
def test_no_content_makes_it_raise(content: bytes) -> None:
    Path(".env").write_bytes(content)

    found, problems = _dotenv.read_dotenv()

    assert all(isinstance(value, str) for value in found.values())
    assert all(problem.startswith(".env: ") for problem in problems)
