"""Places join when they are neighbours."""

import pytest

from queue_telemetry.logs.spool import Place

_FIRST = Place(segment=1, start=0, end=100, records=2, bytes=76, born_s=5.0)


def test_neighbours_join_and_keep_the_first_ones_birth() -> None:
    joined = _FIRST.join(Place(1, 100, 150, 1, 26, 9.0))

    assert Place(1, 0, 150, 3, 102, 5.0) == joined


@pytest.mark.parametrize(
    "other",
    [Place(1, 101, 150, 1, 25, 9.0), Place(2, 100, 150, 1, 26, 9.0), Place(1, 50, 100, 1, 26, 9.0)],
    ids=["gap", "another segment", "behind"],
)
def test_others_do_not(other: Place) -> None:
    assert _FIRST.join(other) is None
