"""Read the `.env` file of the working directory; what cannot be read is a problem in words, never an exception."""

from io import StringIO
from pathlib import Path
from typing import Final

from dotenv import dotenv_values
from dotenv.parser import parse_stream

__all__ = ["FILE_NAME", "read_dotenv"]

FILE_NAME: Final = ".env"


def read_dotenv() -> tuple[dict[str, str], list[str]]:
    """Return the file's variables, and what is wrong with it, one text each.

    `${NAME}` is replaced as python-dotenv does. Variables without a value are left out. No file, or something else of
    that name (a virtual environment, a pipe that nobody writes to), gives nothing.
    """
    path = Path(FILE_NAME)
    try:
        if not path.is_file():
            return {}, []
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        return {}, [f"{FILE_NAME}: cannot be read ({type(error).__name__}): should be readable UTF-8 text"]
    bindings = list(parse_stream(StringIO(text)))
    # The line itself is not shown: it may be the one with the token.
    problems = [
        f"{FILE_NAME}: line {_line(binding.original.string, binding.original.line)} should be NAME=value"
        for binding in bindings
        if binding.error
    ]
    good = StringIO("".join(binding.original.string for binding in bindings if not binding.error))
    return {name: value for name, value in dotenv_values(stream=good).items() if value is not None}, problems


def _line(statement: str, first_line: int) -> int:
    """Return the number of the statement's own line: the parser counts from the blank lines before it."""
    blank = statement[: len(statement) - len(statement.lstrip())]
    return first_line + blank.replace("\r\n", "\n").replace("\r", "\n").count("\n")
