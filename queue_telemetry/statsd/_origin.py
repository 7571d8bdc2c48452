"""Where lines come from, for the Datadog Agent to tag them: the pod, the container, what the platform says.

Pure: no clock, no socket, no state.
"""

import re
from typing import Final, NamedTuple

from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.statsd._dialect import Dialect

__all__ = ["ORIGIN_FORM", "Origin"]

_USABLE: Final = re.compile(r"[\x21-\x7b\x7d\x7e]{1,200}")  # visible, and no bar, which ends a field
_POD_UID: Final = re.compile(r"[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}")
ORIGIN_FORM: Final = "at most 200 visible ASCII characters without |"
"""What an entity's id and the external environment must be."""


class Origin(NamedTuple):
    """What is added to each line.

    Attributes:
        tags: More constant tags, clean.
        fields: What comes behind the tags, such as `"|c:ci-83c0a99c"`; empty for nothing.
    """

    tags: dict[str, str]
    fields: str

    @classmethod
    def of(cls, entity_id: str | None, external_env: str | None, dialect: Dialect) -> "Origin":
        """Say what comes from where.

        Args:
            entity_id: A pod's UID, which goes as the Agent's own tag, or a container's: an id, `ci-<id>` or
                `in-<inode>`. None for neither.
            external_env: What Datadog's admission controller put into `DD_EXTERNAL_ENV`, passed on as it is; or None.
            dialect: One that does not know such fields sends none.

        Raises:
            ConfigurationError: One of them would break a line.

        Source: https://docs.datadoghq.com/developers/dogstatsd/datagram_shell (protocol v1.2 to v1.5);
        https://docs.datadoghq.com/developers/dogstatsd/?tab=kubernetes#origin-detection-over-udp
        """
        for name, value in (("STATSD_ENTITY_ID", entity_id), ("STATSD_EXTERNAL_ENV", external_env)):
            if value is not None and not _USABLE.fullmatch(value):
                raise ConfigurationError(f"{name} is {value!r}; it must be {ORIGIN_FORM}")
        if not dialect.events:
            return cls({}, "")
        is_pod = entity_id is not None and _POD_UID.fullmatch(entity_id.lower()) is not None
        tags = {"dd.internal.entity_id": entity_id} if entity_id is not None and is_pod else {}
        container = f"|c:{entity_id}" if entity_id is not None and not is_pod else ""
        external = "" if external_env is None else f"|e:{external_env}"
        return cls(tags, container + external)
