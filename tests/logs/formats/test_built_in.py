"""The built-in formats by name."""

import pytest

from queue_telemetry.logs.formats import FORMATS, Format, JsonFormat, format_for


@pytest.mark.parametrize("name", FORMATS)
def test_each_is_a_format_of_its_name(name: str) -> None:
    made = format_for(name, "https://c.test")

    assert isinstance(made, Format)
    assert name == made.name


def test_a_users_own_is_taken_with_all_its_members() -> None:
    mine, made = JsonFormat(), format_for(JsonFormat(), "https://c.test")

    assert isinstance(made, Format)
    for member in (
        "name",
        "headers",
        "max_records",
        "max_batch_bytes",
        "max_record_bytes",
        "max_answer_bytes",
    ):
        assert getattr(mine, member) == getattr(made, member)
    assert mine.max_age_s == made.max_age_s
    assert mine.url("https://c.test") == made.url("https://c.test")
    assert mine.authorization("t") == made.authorization("t")


def test_what_lacks_a_member_is_no_format() -> None:
    class Half:
        name = "half"

    assert not isinstance(Half(), Format)
