"""A filter for Swift's proxy that keeps in memory what it would keep in memcached.

Right only with one proxy process. It has the calls of Swift's memcached client that tempauth, s3api
and the proxy's own caches make.
"""

from __future__ import annotations

import time
from typing import Any

FOREVER = float("inf")


class MemoryCache:
    """Values by key, each with the time at which it expires."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[Any, float]] = {}

    def get(self, key: str, **_: object) -> Any:
        value, expires_at = self._entries.get(key, (None, FOREVER))
        if expires_at > time.time():
            return value
        del self._entries[key]
        return None

    def set(self, key: str, value: Any, *_: object, time: float = 0, **__: object) -> None:
        self._entries[key] = (value, _now() + time if time else FOREVER)

    def delete(self, key: str, **_: object) -> None:
        self._entries.pop(key, None)

    def incr(self, key: str, delta: int = 1, time: float = 0, **_: object) -> int:
        value = max(0, int(self.get(key) or 0) + delta)
        self.set(key, value, time=time)
        return value

    def decr(self, key: str, delta: int = 1, time: float = 0, **_: object) -> int:
        return self.incr(key, -delta, time)

    def get_multi(self, keys: list[str], *_: object, **__: object) -> list[Any]:
        return [self.get(key) for key in keys]

    def set_multi(self, mapping: dict[str, Any], *_: object, time: float = 0, **__: object) -> None:
        for key, value in mapping.items():
            self.set(key, value, time=time)


def _now() -> float:
    return time.time()  # where an argument is called `time`, as the memcached client calls it


def filter_factory(_global_conf: dict[str, str], **_conf: str) -> Any:
    """The entry point that the proxy's configuration names."""
    cache = MemoryCache()

    def make(app: Any) -> Any:
        def middleware(environ: dict[str, Any], start_response: Any) -> Any:
            environ["swift.cache"] = cache
            return app(environ, start_response)

        return middleware

    return make
