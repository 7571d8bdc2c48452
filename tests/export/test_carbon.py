import re
from collections.abc import Callable
from configparser import RawConfigParser

import pytest

Texts = Callable[..., dict[str, str]]


def section_of(texts: Texts, file: str, name: str, **settings: object) -> dict[str, str] | None:
    """Return the first section that matches, as Carbon takes it."""
    parser = RawConfigParser()
    parser.read_string(texts("carbon", **settings)[f"carbon/{file}.conf"])
    for section in parser.sections():
        if re.search(parser.get(section, "pattern"), name):
            return dict(parser.items(section))
    return None


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("stats.counters.queue.tasks.completed.mail.send.count", "sum"),
        ("stats.counters.queue.tasks.completed.mail.send.rate", "average"),
        ("stats.counters.queue.tasks.completed.count;queue=mail;type=send", "sum"),
        ("stats_counts.queue.tasks.completed.mail.send", "sum"),
        ("stats.queue.tasks.completed.mail.send", "average"),
        ("stats.timers.queue.task.duration.mail.send.completed.count", "sum"),
        ("stats.timers.queue.task.duration.mail.send.completed.count_ps", "average"),
        ("stats.timers.queue.task.duration.mail.send.completed.sum_90", "sum"),
        ("stats.timers.queue.task.duration.mail.send.completed.sum_squares", "sum"),
        ("stats.timers.queue.task.duration.mail.send.completed.upper_90", "max"),
        ("stats.timers.queue.task.duration.upper;outcome=completed;queue=mail;type=send", "max"),
        ("stats.timers.queue.task.wait.mail.send.lower", "min"),
        ("stats.timers.queue.task.wait.mail.send.mean", "average"),
        ("stats.gauges.queue.size.mail", "max"),
        ("stats.gauges.queue.oldest_task_age;queue=mail", "max"),
        ("stats.gauges.queue.active_workers.h1.0", "average"),
    ],
)
def test_points_are_put_together_as_their_kind_wants(name: str, method: str, texts: Texts) -> None:
    section = section_of(texts, "storage-aggregation", name)

    assert section is not None
    assert (method, "0") == (section["aggregationmethod"], section["xfilesfactor"])
    assert section_of(texts, "storage-schemas", name) is not None


@pytest.mark.parametrize(
    "name",
    ["stats.gauges.balance.main", "stats.counters.myqueue.tasks.completed.count", "carbon.agents.h1.errors"],
)
def test_what_others_send_is_left_alone(name: str, texts: Texts) -> None:
    assert section_of(texts, "storage-schemas", name) is None
    assert section_of(texts, "storage-aggregation", name) is None


def test_a_prefix_is_part_of_the_pattern(texts: Texts) -> None:
    name = "stats.counters.{}.queue.tasks.completed.mail.send.count"

    def kept(prefix: str) -> bool:
        return (
            section_of(texts, "storage-schemas", name.format(prefix), statsd_prefix="apps.billing")
            is not None
        )

    assert (True, False, False) == (kept("apps.billing"), kept("apps.shipping"), kept("appsxbilling"))
