"""How long a call takes, measured briefly: good to compare at a glance, not to publish (that is what bench/ is for)."""

import time
from collections.abc import Callable


def fastest_ms(call: Callable[[], object], seconds: float = 0.05, least: int = 3, most: int = 200) -> float:
    """Return the shortest of several runs of `call`, in milliseconds.

    The shortest, because everything that disturbs a measurement makes it longer. There are `least` runs and then more,
    until `seconds` have passed or there were `most`. Call it on something that has run once already: the first run
    pays for starting threads and filling caches.
    """
    shortest = float("inf")
    runs = 0
    end = time.perf_counter() + seconds
    while runs < least or (runs < most and time.perf_counter() < end):
        start = time.perf_counter()
        call()
        shortest = min(shortest, time.perf_counter() - start)
        runs += 1
    return shortest * 1e3
