import pytest

from queue_telemetry.statsd._gauge_sums import GaugeSums


@pytest.mark.parametrize(
    ("steps", "value"),
    [
        (["+3"], "3"),
        (["+3", "-5"], "-2"),
        (["=10", "+1"], "11"),
        (["+1", "=10"], "10"),
        (["=1", "+0.5"], "1.5"),
        (["=0.00000010", "+0.0"], "0.0000001"),
    ],
)
def test_changes_add_up_from_the_last_value(steps: list[str], value: str) -> None:
    sums = GaugeSums()
    for step in steps:
        if step[0] == "=":
            sums.set("depth", step[1:])
        else:
            sums.add("depth", step.removeprefix("+"))

    assert sums.add("depth", "0") == value


def test_gauges_are_apart() -> None:
    sums = GaugeSums()
    sums.add("a", "1")

    assert sums.add("b", "2") == "2"


def test_change_beyond_what_can_be_sent_is_not_remembered() -> None:
    sums = GaugeSums()
    largest = "9" * 308
    sums.add("depth", largest)

    assert sums.add("depth", largest + "0") is None
    assert sums.add("depth", "-" + largest) == "0"


def test_fraction_on_top_of_an_int_beyond_what_a_double_holds_is_not_remembered() -> None:
    sums = GaugeSums()
    largest = str(2**1024 - 1)
    sums.set("depth", largest)

    assert sums.add("depth", "0.5") is None
    assert sums.add("depth", "0") == largest


def test_new_gauge_beyond_the_limit_cannot_be_changed_and_known_ones_can() -> None:
    sums = GaugeSums()
    for number in range(1024):
        sums.set(f"g{number}", "1")
    sums.set("late", "1")

    assert sums.add("late", "1") is None
    assert sums.add("g0", "1") == "2"
