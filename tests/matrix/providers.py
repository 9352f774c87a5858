"""The providers of the matrix, each with a server."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiostorage import RetryPolicy, S3Driver
from aiostorage.errors import UploadNotFoundError
from aiostorage.providers.s3.profiles import RCLONE, SWIFT

if TYPE_CHECKING:
    from aiostorage import Driver
    from aiostorage.errors import StorageError
    from aiostorage.providers.s3.profiles import Vendor
    from aiostorage.testing.faults import Dialect
    from tests.servers.base import S3Server

RETRY = RetryPolicy(max_attempts=3, base_s=0.02)
SMALL_PART = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A server, and how to reach it.

    Attributes:
        name: For the report.
        fixture: The fixture of the server.
        dialect: Of its errors.
        connect: A driver for the server at a URL that may be that of a proxy; told the silence that it bears.
        part_size: The smallest part of an upload.
        lost: What may come of a lost reply because nothing on this server tells whose an object is.
    """

    name: str
    fixture: str
    connect: Callable[[Any, str, float], Driver]
    dialect: Dialect
    part_size: int = SMALL_PART
    lost: tuple[type[StorageError], ...] = ()


def _s3(vendor: Vendor) -> Callable[[S3Server, str, float], Driver]:
    # Small parts, which these servers take, make the matrix quick.
    limits = dataclasses.replace(vendor.limits, min_part_size_bytes=SMALL_PART)
    quick = dataclasses.replace(vendor, limits=limits)

    def connect(server: S3Server, endpoint: str, idle_s: float) -> Driver:
        return S3Driver(
            endpoint=endpoint,
            region=server.region,
            vendor=quick,
            access_key_id=server.access_key,
            secret_access_key=server.secret_key,
            retry=RETRY,
            idle_timeout_s=idle_s,
        )

    return connect


PROVIDERS = [
    Provider(
        name="s3 rclone",
        fixture="rclone_server",
        connect=_s3(RCLONE),
        dialect="s3",
        lost=(UploadNotFoundError,),  # the etag of a completed upload is another one than was answered
    ),
    Provider(name="s3 swift", fixture="swift_server", connect=_s3(SWIFT), dialect="s3"),
]
