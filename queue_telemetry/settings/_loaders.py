"""The two ways to read the settings: `load` refuses what is wrong, `load_leniently` goes on with defaults."""

from queue_telemetry.settings._model import Settings

__all__ = ["load", "load_leniently"]


def load(**overrides: object) -> Settings:
    """Return the settings in force; keywords beat the environment.

    Raises:
        ConfigurationError: Something is wrong; the message has one line for each setting, variable or keyword.
    """
    return Settings(**overrides)


def load_leniently(**overrides: object) -> tuple[Settings, list[str]]:
    """Return the settings in force and what is wrong with them, one text each. Must not raise.

    A wrong setting keeps its default and the others count; the texts are the lines of the error that `load` raises.
    """
    settings = Settings.__new__(Settings)
    return settings, settings._fill(overrides, strict=False)
