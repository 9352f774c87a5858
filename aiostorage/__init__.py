"""Object storage for asyncio: one API over S3 and everything that speaks it, a local folder and memory.

>>> import asyncio
>>> import aiostorage
>>> async def main() -> None:
...     async with aiostorage.connect("memory:") as driver:
...         photos = await driver.create_container("photos")
...         await photos.upload_object(b"meow", "2026/cat.txt")
...         async for obj in photos.list_objects(prefix="2026/"):
...             print(obj.name, obj.size, await obj.read())
>>> asyncio.run(main())
2026/cat.txt 4 b'meow'

A driver is made once, for the lifetime of a service. It has containers, they have objects; every
operation can be called on the driver and on the thing itself.
"""

from aiostorage._http.events import AttemptFailed, Event, RequestEnded, RequestStarted
from aiostorage._http.hedging import HedgePolicy
from aiostorage._http.oauth import AccessToken
from aiostorage._http.options import HTTPOptions
from aiostorage._http.retry import RetryPolicy, retrying
from aiostorage._transfer.checkpoint import CheckpointFile, CheckpointStore
from aiostorage._transfer.paths import safe_join
from aiostorage._transfer.reader import ObjectReader
from aiostorage._transfer.writer import ObjectWriter
from aiostorage.backend import CDN, Administration, Backend, ObjectBody
from aiostorage.body import Source
from aiostorage.cdn import ContainerCDN
from aiostorage.connect import connect
from aiostorage.container import Container
from aiostorage.driver import Driver
from aiostorage.drivers import AzureDriver, GCSDriver, LocalDriver, MemoryDriver, S3Driver, SwiftDriver
from aiostorage.errors import (
    AlreadyExistsError,
    AuthenticationError,
    ChecksumMismatchError,
    ClockSkewError,
    ClosedError,
    ContainerNotEmptyError,
    ContainerNotFoundError,
    InvalidArgumentError,
    InvalidNameError,
    NotFoundError,
    NotModifiedError,
    ObjectChangedError,
    ObjectNotFoundError,
    PermissionDeniedError,
    PreconditionFailedError,
    RangeNotSatisfiableError,
    RateLimitedError,
    ServiceUnavailableError,
    StorageConnectionError,
    StorageError,
    StorageTimeoutError,
    UnexpectedResponseError,
    UnsupportedError,
    UploadNotFoundError,
    WrongLoopError,
)
from aiostorage.models import (
    Buffer,
    ByteRange,
    Capabilities,
    CDNPolicy,
    Conditions,
    ContainerInfo,
    ContainerOptions,
    CustomerKey,
    DeleteOutcome,
    KMSKey,
    Limits,
    ListQuery,
    ManagedKey,
    ObjectHash,
    ObjectInfo,
    ObjectRef,
    Page,
    Part,
    PostPolicy,
    Prefix,
    PresignedPost,
    PresignedRequest,
    PresignOptions,
    ReadOptions,
    Retention,
    SignedCookies,
    Upload,
    WriteOptions,
)
from aiostorage.object import Object
from aiostorage.options import (
    CDNOptions,
    CopyOptions,
    CreateContainerOptions,
    DownloadOptions,
    OpenOptions,
    PostOptions,
    ReadObjectOptions,
    TransferOptions,
    UpdateOptions,
    UploadOptions,
    WriteObjectOptions,
)
from aiostorage.providers.gcs.distribution import CloudCDN
from aiostorage.providers.s3.distribution import CloudFront
from aiostorage.providers.s3.keys import S3Credentials
from aiostorage.providers.swift.tokens import SwiftToken

__version__ = "0.1.0"

__all__ = [
    "CDN",
    "AccessToken",
    "Administration",
    "AlreadyExistsError",
    "AttemptFailed",
    "AuthenticationError",
    "AzureDriver",
    "Backend",
    "Buffer",
    "ByteRange",
    "CDNOptions",
    "CDNPolicy",
    "Capabilities",
    "CheckpointFile",
    "CheckpointStore",
    "ChecksumMismatchError",
    "ClockSkewError",
    "ClosedError",
    "CloudCDN",
    "CloudFront",
    "Conditions",
    "Container",
    "ContainerCDN",
    "ContainerInfo",
    "ContainerNotEmptyError",
    "ContainerNotFoundError",
    "ContainerOptions",
    "CopyOptions",
    "CreateContainerOptions",
    "CustomerKey",
    "DeleteOutcome",
    "DownloadOptions",
    "Driver",
    "Event",
    "GCSDriver",
    "HTTPOptions",
    "HedgePolicy",
    "InvalidArgumentError",
    "InvalidNameError",
    "KMSKey",
    "Limits",
    "ListQuery",
    "LocalDriver",
    "ManagedKey",
    "MemoryDriver",
    "NotFoundError",
    "NotModifiedError",
    "Object",
    "ObjectBody",
    "ObjectChangedError",
    "ObjectHash",
    "ObjectInfo",
    "ObjectNotFoundError",
    "ObjectReader",
    "ObjectRef",
    "ObjectWriter",
    "OpenOptions",
    "Page",
    "Part",
    "PermissionDeniedError",
    "PostOptions",
    "PostPolicy",
    "PreconditionFailedError",
    "Prefix",
    "PresignOptions",
    "PresignedPost",
    "PresignedRequest",
    "RangeNotSatisfiableError",
    "RateLimitedError",
    "ReadObjectOptions",
    "ReadOptions",
    "RequestEnded",
    "RequestStarted",
    "Retention",
    "RetryPolicy",
    "S3Credentials",
    "S3Driver",
    "ServiceUnavailableError",
    "SignedCookies",
    "Source",
    "StorageConnectionError",
    "StorageError",
    "StorageTimeoutError",
    "SwiftDriver",
    "SwiftToken",
    "TransferOptions",
    "UnexpectedResponseError",
    "UnsupportedError",
    "UpdateOptions",
    "Upload",
    "UploadNotFoundError",
    "UploadOptions",
    "WriteObjectOptions",
    "WriteOptions",
    "WrongLoopError",
    "connect",
    "retrying",
    "safe_join",
]
