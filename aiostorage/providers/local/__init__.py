"""Objects as the files of a folder."""

from aiostorage.providers.local.backend import LocalBackend

__all__ = ["LocalBackend"]
