"""What the tests with Google's own client share."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from tests.unit.testing.google import service_account

if TYPE_CHECKING:
    from tests.unit.testing.conftest import Running

BLOCK = 256 * 1024
DATA = random.Random(1).randbytes(3 * BLOCK + 77)


def blob(bucket: Any, name: str, data: bytes = b"content", **properties: Any) -> Any:
    made = bucket.blob(name)
    for key, value in properties.items():
        setattr(made, key, value)
    made.upload_from_string(data, content_type=properties.get("content_type", "text/plain"))
    return made


def names(pages: Any) -> list[str]:
    return [found.name for found in pages]


def authorized(server: Running) -> Any:
    """A client for the server that wants to know who calls."""
    return server.client(service_account.Credentials.from_service_account_info(server.file("service_account")))
