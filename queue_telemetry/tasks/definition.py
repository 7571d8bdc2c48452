"""What is fixed about a task before it runs: its type and queue, its policy, and where the handler stands."""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final

from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.metrics import tag_text
from queue_telemetry.tasks.outcomes import Policy
from queue_telemetry.tasks.series import StaticTags

__all__ = ["DEFAULT_QUEUE", "Definition", "Parameter", "Site", "find_parameter", "static_tags"]

DEFAULT_QUEUE: Final = "default"
_NO_POLICY: Final = Policy()


@dataclass(frozen=True, slots=True)
class Site:
    """Where code stands, for records: its logger (module), function and line."""

    logger: str
    function: str
    line: int

    @classmethod
    def of_function(cls, function: Callable[..., object]) -> "Site":
        """Return where a callable is defined; partials and callable objects are looked through."""
        while isinstance(function, functools.partial):
            function = function.func
        function = inspect.unwrap(function)
        code = getattr(function, "__code__", None)
        name = getattr(function, "__name__", type(function).__name__)
        return cls(getattr(function, "__module__", None) or "", name, code.co_firstlineno if code else 0)

    @classmethod
    def of_frame(cls, frame: FrameType) -> "Site":
        """Return where a frame stands now."""
        return cls(frame.f_globals.get("__name__", ""), frame.f_code.co_name, frame.f_lineno)


@dataclass(frozen=True, slots=True)
class Definition:
    """One kind of task.

    Attributes:
        type: The task's type, a tag.
        queue: The queue it is declared for, a tag; a claim that a run joins knows better.
        static_tags: The task's own tags, for its counters and timers.
        policy: What its exceptions mean.
    """

    type: str
    queue: str = DEFAULT_QUEUE
    static_tags: StaticTags = ()
    policy: Policy = _NO_POLICY


@dataclass(frozen=True, slots=True)
class Parameter:
    """How to read one parameter from the arguments of a call.

    Attributes:
        name: Its name.
        position: Its index in the positional arguments, None when it is keyword-only.
        positional_only: Whether it cannot be passed by its name.
    """

    name: str
    position: int | None
    positional_only: bool = False

    def read(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return what the caller passed, None when it passed nothing."""
        if self.name in kwargs:
            return kwargs[self.name]
        position = self.position
        return args[position] if position is not None and position < len(args) else None

    def replace(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], value: object
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments with this parameter set to *value*."""
        position = self.position
        if self.name not in kwargs and position is not None and position < len(args):
            return (*args[:position], value, *args[position + 1 :]), kwargs
        return args, {**kwargs, self.name: value}


def find_parameter(function: Callable[..., object], name: str, setting: str) -> Parameter:
    """Return the parameter of a callable by its name.

    Raises:
        ConfigurationError: The callable has no such parameter.
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # some callables of C have no signature
        return Parameter(name, None)
    for position, parameter in enumerate(parameters):
        if parameter.name == name and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            index = None if parameter.kind is parameter.KEYWORD_ONLY else position
            return Parameter(name, index, parameter.kind is parameter.POSITIONAL_ONLY)
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return Parameter(name, None)
    known = ", ".join(parameter.name for parameter in parameters) or "none"
    raise ConfigurationError(
        f"{setting}={name!r} names no parameter of the handler; its parameters are: {known}"
    )


def static_tags(tags: Mapping[str, object] | None) -> StaticTags:
    """Return a task's own tags in the form that series keep."""
    return tuple((tag_text(key), tag_text(value)) for key, value in (tags or {}).items())
