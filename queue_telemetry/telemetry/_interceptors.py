"""Tells which handlers of the stdlib's logging bring records to loguru, by what their code mentions."""

import logging
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Final
from weakref import WeakKeyDictionary

from loguru import logger

__all__ = ["intercepts"]

_DEPTH: Final = 3  # a handler's method, what that calls, and what that calls
_LOGGER: Final = type(logger)

_known: WeakKeyDictionary[type, bool] = WeakKeyDictionary()  # bounded: classes of handlers


def intercepts(handler: logging.Handler) -> bool:
    """Tell whether *handler* is of a class whose instances write to loguru. Must not raise.

    The recipe of loguru's documentation, which most copies follow, names loguru's logger in its `emit`. Others keep it
    in an attribute or call a function that names it.
    """
    kind = type(handler)
    known = _known.get(kind)
    if known is None:
        known = any(isinstance(value, _LOGGER) for value in list(vars(handler).values())) or any(
            _mentions(function, kind, _DEPTH) for function in _methods(kind)
        )
        _known[kind] = known
    return known


def _methods(kind: type) -> Iterator[FunctionType]:
    for name in ("emit", "handle"):
        function = getattr(kind, name, None)
        if isinstance(function, FunctionType) and function.__module__ != logging.__name__:
            yield function


def _mentions(function: FunctionType, kind: type, depth: int) -> bool:
    for value in _values(function, kind):
        if isinstance(value, _LOGGER) or (isinstance(value, ModuleType) and value.__name__ == "loguru"):
            return True
        if depth and isinstance(value, FunctionType) and _mentions(value, kind, depth - 1):
            return True
    return "loguru" in _names(function.__code__)  # imported where it is used


def _values(function: FunctionType, kind: type) -> Iterator[object]:
    """Yield what a function can reach by its names: globals, the class's attributes, and what it closes over."""
    for name in _names(function.__code__):
        yield function.__globals__.get(name)
        yield vars(kind).get(name)
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not yet filled
            continue


def _names(code: CodeType) -> Iterator[str]:
    """Yield the names in a function's code and in that of the functions inside of it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
