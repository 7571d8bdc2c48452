import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry.processes.archive import Archive

_TOKENS = tuple(f"{number:016x}" for number in range(1000))


def test_the_bytes_of_a_file() -> None:
    assert (
        b'{"format":1,"boot_id":"b00t","tokens":["0000000000000000"],"lives":9,"body_bytes":4,"crc32":3632233996}\n'
        b"test"
    ) == Archive("b00t", _TOKENS[:1], 9, b"test").encode()


@given(
    st.builds(
        Archive, st.text(), st.lists(st.sampled_from(_TOKENS)).map(tuple), st.integers(0, 2**60), st.binary()
    )
)
def test_what_is_written_is_what_is_read(archive: Archive) -> None:
    assert archive == Archive.decode(archive.encode())


@given(st.binary())
def test_bytes_that_are_no_archive_are_refused_in_one_way(data: bytes) -> None:
    with pytest.raises(ValueError):
        Archive.decode(data)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"format":1', b'"format":2'),
        (b'"b00t"', b"5"),
        (b'["0000000000000000"]', b'"0000000000000000"'),
        (b'["0000000000000000"]', b'["x"]'),
        (b'["0000000000000000"]', b"[5]"),
        (b'"lives":9', b'"lives":-9'),
        (b'"lives":9', b'"lives":true'),
        (b'"body_bytes":4', b'"body_bytes":5'),
        (b"\ntest", b"\nTest"),
        (b"\ntest", b"\n"),
    ],
)
def test_a_file_that_was_changed_is_refused(before: bytes, after: bytes) -> None:
    file = Archive("b00t", _TOKENS[:1], 9, b"test").encode()
    assert before in file

    with pytest.raises(ValueError):
        Archive.decode(file.replace(before, after, 1))


def test_the_dead_are_counted_and_named() -> None:
    archive = Archive("b00t", _TOKENS[:1], 1, b"before").with_dead(
        _TOKENS[1:3], b"after", in_sight=frozenset()
    )

    assert Archive("b00t", _TOKENS[:3], 3, b"after") == archive


def test_names_of_the_long_dead_are_forgotten_but_not_while_their_files_are_there() -> None:
    archive = Archive("b00t").with_dead(_TOKENS[:300], b"", in_sight=frozenset(_TOKENS[:2]))

    archive = archive.with_dead(_TOKENS[300:], b"", in_sight=frozenset(_TOKENS[:1]))

    assert (_TOKENS[0], *_TOKENS[-256:]) == archive.tokens
    assert 1000 == archive.lives
