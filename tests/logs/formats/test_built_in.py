"""The built-in formats by name."""

import pytest

from queue_telemetry.logs.formats import FORMATS, Format, JsonFormat, format_for


@pytest.mark.parametrize("name", FORMATS)
def test_each_is_a_format_of_its_name(name: str) -> None:
    made = format_for(name, "https://c.test")

    assert isinstance(made, Format)
    assert name == made.name


def test_a_users_own_is_taken_as_it_is() -> None:
    mine = JsonFormat()

    assert format_for(mine, "https://c.test") is mine


def test_what_lacks_a_member_is_no_format() -> None:
    class Half:
        name = "half"

    assert not isinstance(Half(), Format)
