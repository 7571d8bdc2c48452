import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from queue_telemetry.metrics import Kind, Metric, Series
from queue_telemetry.statsd._packer import Datagram, Packer, wire_bytes
from queue_telemetry.statsd._self_metrics import Total


def drain(packer: Packer) -> list[Datagram]:
    return list(iter(packer.pop, None))


def test_lines_share_a_datagram_up_to_the_limit_and_weights_add_up() -> None:
    packer = Packer(11)
    for line, weight in (("aaaaa", 1), ("bbbbb", 2), ("c", 4)):
        assert packer.add(line, weight)

    assert drain(packer) == [Datagram("aaaaa\nbbbbb", 3), Datagram("c", 4)]


def test_size_is_counted_in_bytes() -> None:
    packer = Packer(7)
    packer.add("ää", 1)
    packer.add("bb", 1)
    packer.add("c", 1)

    assert [datagram.payload for datagram in drain(packer)] == ["ää\nbb", "c"]


def test_line_longer_than_the_limit_is_not_taken() -> None:
    packer = Packer(4)

    assert not packer.add("aaaaa", 3)
    assert drain(packer) == []


def test_packed_values_are_split_between_values() -> None:
    packer = Packer(12)
    lost = packer.add_values("1.1:2.2:3.3", head="n:", joint=":", tail="|d", weight_each=2)

    assert lost == 0
    assert drain(packer) == [Datagram("n:1.1:2.2|d", 4), Datagram("n:3.3|d", 2)]


def test_values_fill_what_is_left_of_a_datagram() -> None:
    packer = Packer(16)
    packer.add("x:1|c", 1)
    packer.add_values("1:2:3:4", head="n:", joint=":", tail="|d", weight_each=1)

    assert drain(packer) == [Datagram("x:1|c\nn:1:2:3|d", 4), Datagram("n:4|d", 1)]


def test_values_fill_a_datagram_to_its_last_byte() -> None:
    packer = Packer(len("n:1|ms\nn:2|ms"))
    packer.add_values("1|ms\nn:2|ms\nn:3", head="n:", joint="|ms\nn:", tail="|ms", weight_each=1)

    assert drain(packer) == [Datagram("n:1|ms\nn:2|ms", 2), Datagram("n:3|ms", 1)]


def test_value_whose_line_is_too_long_is_lost_alone() -> None:
    packer = Packer(8)
    lost = packer.add_values("1:22222:3", head="n:", joint=":", tail="|d", weight_each=5)

    assert lost == 5
    assert [datagram.payload for datagram in drain(packer)] == ["n:1|d", "n:3|d"]


def test_last_value_too_long_is_lost_alone() -> None:
    packer = Packer(8)

    assert packer.add_values("1:22222", head="n:", joint=":", tail="|d", weight_each=1) == 1
    assert drain(packer) == [Datagram("n:1|d", 1)]


def test_full_datagrams_are_handed_over_first_and_then_the_rest() -> None:
    packer = Packer(3)
    for line in ("a", "b", "c"):
        packer.add(line, 1)

    assert [packer.pop(), packer.pop(), packer.pop()] == [Datagram("a\nb", 2), Datagram("c", 1), None]


def test_datagram_knows_what_its_own_lines_say_of_the_library() -> None:
    packer = Packer(3)
    totals = [Total(Series(Metric("x", Kind.COUNTER)), units) for units in range(3)]
    for line, total in zip(("a", "b", "c"), totals, strict=True):
        packer.add(line, 0, total)

    assert [datagram.totals for datagram in drain(packer)] == [tuple(totals[:2]), tuple(totals[2:])]


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 10**6).map(str), min_size=1, max_size=60),
    st.integers(12, 80),
    st.sampled_from([":", "|ms\nname:"]),
    st.lists(st.text(alphabet="aé", min_size=1, max_size=20), max_size=5),
    st.integers(1, 9),
)
def test_no_datagram_exceeds_the_limit_and_nothing_is_lost_or_made_up(
    values: list[str], limit: int, joint: str, lines: list[str], weight: int
) -> None:
    packer = Packer(limit)
    kept_lines = [line for line in lines if packer.add(line, 1)]
    lost = packer.add_values(joint.join(values), head="n:", joint=joint, tail="|d", weight_each=weight)
    datagrams = drain(packer)

    assert all(0 < wire_bytes(datagram.payload) <= limit for datagram in datagrams)
    held = sum(datagram.weight for datagram in datagrams)
    assert held + lost == len(kept_lines) + weight * len(values)
    sent = "\n".join(datagram.payload for datagram in datagrams).split("\n")
    assert [line for line in lines if wire_bytes(line) <= limit] == kept_lines == sent[: len(kept_lines)]


@pytest.mark.parametrize("limit", range(8, 40))
def test_every_value_arrives_in_order(limit: int) -> None:
    packer = Packer(limit)
    packer.add_values(":".join(map(str, range(30))), head="n:", joint=":", tail="|d", weight_each=1)
    lines = [datagram.payload for datagram in drain(packer)]

    assert [int(value) for line in lines for value in line[2:-2].split(":")] == list(range(30))
