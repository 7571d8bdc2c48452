"""The table of settings in README.md is the one that the class gives."""

from pathlib import Path

import pytest

from queue_telemetry.settings import Settings

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- settings -->", "<!-- /settings -->"

# Defaults that depend on other settings, which the class holds as None.
DEPENDENT = {
    "statsd_max_payload_bytes": "by the path",
    "statsd_max_samples": "`512`; for the dialect `datadog` `4096`",
    "statsd_timer_type": "`ms`; for the dialect `datadog` `d`",
    "task_logs": "`all` with `LOG_URL`, else `none`",
}


def table() -> str:
    """Return the table: one row a setting, in the order of the class."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, info in Settings.model_fields.items():
        default = info.get_default(call_default_factory=True)
        words = DEPENDENT.get(name) or ("none" if default in (None, {}, ()) else f"`{str(default).lower()}`")
        if isinstance(default, str):
            words = f"`{default}`"
        meaning = " ".join((info.description or "").split())
        rows.append(f"| `QUEUE_TELEMETRY_{name.upper()}` | {words} | {meaning} |")
    return "\n".join(rows)


def test_every_setting_has_a_meaning() -> None:
    assert [name for name, info in Settings.model_fields.items() if not info.description] == []


def test_no_meaning_breaks_the_table() -> None:
    assert [name for name, info in Settings.model_fields.items() if "|" in str(info.description)] == []


def test_the_readme_shows_the_settings_as_they_are() -> None:
    text = README.read_text(encoding="utf-8")
    shown = text.partition(BEGIN)[2].partition(END)[0].strip()
    right = table()

    if shown != right:
        pytest.fail(f"README.md needs this between {BEGIN} and {END}:\n\n{right}\n", pytrace=False)
