import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.validation import _is_valid_legacy_labelname, _is_valid_legacy_metric_name

from queue_telemetry.metrics import Kind
from queue_telemetry.prometheus._names import clean_labels, clean_text, family_name, is_exact, mark


@pytest.mark.parametrize(
    ("name", "kind", "family"),
    [
        ("mails_sent", Kind.COUNTER, "mails_sent"),
        ("mails.sent", Kind.COUNTER, "mails_sent"),
        ("mails_sent_total", Kind.COUNTER, "mails_sent"),
        ("_total", Kind.COUNTER, "_total"),
        ("pool.free", Kind.GAUGE, "pool_free"),
        ("pool_total", Kind.GAUGE, "pool_total"),
        ("render", Kind.TIMER, "render_seconds"),
        ("render_seconds", Kind.TIMER, "render_seconds"),
        ("5xx", Kind.COUNTER, "_5xx"),
        ("größe-1", Kind.GAUGE, "gr__e_1"),
        ("", Kind.GAUGE, "_"),
        ("a:b", Kind.GAUGE, "a_b"),  # colons are for recording rules
    ],
)
def test_a_users_name_is_one_that_prometheus_takes(name: str, kind: Kind, family: str) -> None:
    assert family == family_name(name, kind)


@given(st.text(), st.sampled_from(Kind))
def test_every_name_is_clean(name: str, kind: Kind) -> None:
    assert _is_valid_legacy_metric_name(family_name(name, kind))


@pytest.mark.parametrize(("name", "exact"), [("a_b", True), ("a.b", False), ("5a", False), ("ä", False)])
def test_it_is_known_which_names_needed_no_cleaning(name: str, exact: bool) -> None:
    assert exact is is_exact(name)


@pytest.mark.parametrize(
    ("pairs", "labels"),
    [
        ([], ()),
        ([("b", "2"), ("a", "1")], (("a", "1"), ("b", "2"))),
        ([("a", "")], ()),
        ([("a.b", "1")], (("a_b", "1"),)),
        ([("5", "1")], (("_5", "1"),)),
        ([("le", "1")], (("extra_le", "1"),)),
        ([("__name__", "1")], (("_name__", "1"),)),
        ([("", "1")], (("_", "1"),)),
        ([("a", 'x"\\\n')], (("a", 'x"\\\n'),)),
        ([("a", "\ud800")], (("a", "?"),)),
    ],
)
def test_labels_are_clean_and_sorted(
    pairs: list[tuple[str, str]], labels: tuple[tuple[str, str], ...]
) -> None:
    assert labels == clean_labels(pairs)


def test_of_keys_that_are_alike_the_exact_one_keeps_its_name() -> None:
    assert {"a_b": "exact", f"a_b{mark('a.b')}": "dot"} == dict(
        clean_labels([("a.b", "dot"), ("a_b", "exact")])
    )


@given(st.dictionaries(st.text(), st.text(), max_size=8))
def test_no_label_is_lost_and_each_name_is_clean(tags: dict[str, str]) -> None:
    labels = clean_labels(tags.items())

    assert sorted(clean_text(value) for value in tags.values() if value) == sorted(v for _, v in labels)
    assert all(_is_valid_legacy_labelname(name) and name != "le" for name, _ in labels)


def test_a_mark_is_the_same_in_every_process() -> None:
    assert "_67fef4ef" == mark("mails.sent")
