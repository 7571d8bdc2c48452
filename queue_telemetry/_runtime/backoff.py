"""Exponential backoff with full jitter, so that many workers do not come back at the same moment."""

import random

__all__ = ["full_jitter_s"]

_LARGEST_POWER = 32  # 2**32 times any base is past any cap; keeps the power small after days of failures


def full_jitter_s(failures: int, *, base_s: float, cap_s: float) -> float:
    """Return how long to wait after *failures* in a row, in seconds.

    Uniform in [0, min(cap, base * 2**(failures - 1))], but never under a tenth of the base.

    Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    ceiling_s = min(cap_s, base_s * 2 ** min(max(failures - 1, 0), _LARGEST_POWER))
    return max(base_s / 10, random.uniform(0, ceiling_s))  # noqa: S311 - jitter, not a secret
