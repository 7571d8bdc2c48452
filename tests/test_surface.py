"""The package's door: what it names is what the module of functions has."""

import pytest

import queue_telemetry as qt
from queue_telemetry import api
from queue_telemetry.telemetry import Telemetry

_INTERNAL = {"default_telemetry"}


def test_the_door_and_the_module_of_functions_name_the_same() -> None:
    assert sorted(set(api.__all__) - _INTERNAL) == qt.__all__


@pytest.mark.parametrize("name", qt.__all__)
def test_each_name_is_the_function_of_that_name(name: str) -> None:
    assert getattr(api, name) is getattr(qt, name)


def test_what_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Clokc'"):
        qt.Clokc


def test_the_version_is_that_of_the_package() -> None:
    assert "0.1.0" == qt.__version__


def test_dir_shows_what_is_not_loaded_yet() -> None:
    assert set(qt.__all__) <= set(dir(qt))


def test_the_functions_are_methods_of_one_default_instance() -> None:
    functions = [name for name in qt.__all__ if getattr(getattr(qt, name), "__self__", None) is not None]

    owners = {getattr(qt, name).__self__ for name in functions}

    assert {api.default_telemetry} == owners
    assert {name for name in functions if not hasattr(Telemetry, name)} == set()
