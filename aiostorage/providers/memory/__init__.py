"""Objects in memory: for tests, and as the model that the other providers are compared with."""

from aiostorage.providers.memory.backend import MemoryBackend

__all__ = ["MemoryBackend"]
