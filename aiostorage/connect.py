"""From a URL to a driver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Unpack, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from aiostorage.drivers import AzureDriver, GCSDriver, LocalDriver, MemoryDriver, S3Driver, SwiftDriver
from aiostorage.errors import InvalidArgumentError
from aiostorage.options import TransferOptions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet
    from urllib.parse import SplitResult

    from aiostorage.driver import Driver
    from aiostorage.providers.azure.config import AzureOptions
    from aiostorage.providers.gcs.config import GCSOptions
    from aiostorage.providers.s3.config import S3Options
    from aiostorage.providers.swift.config import SwiftOptions

    class _Common(TransferOptions, total=False):
        memory_limit_bytes: int

    class ConnectOptions(S3Options, AzureOptions, _Common, total=False):
        """What :func:`connect` takes as keywords: Google's and Swift's own stand in the query, but for secrets."""

        password: str | None
        application_credential_secret: str | None
        token: str | None
        temp_url_key: str | None

    class _Azure(AzureOptions, _Common, total=False): ...

    class _GCS(GCSOptions, _Common, total=False): ...

    class _S3(S3Options, _Common, total=False): ...

    class _Swift(SwiftOptions, _Common, total=False): ...


_TEXTS: Final = frozenset({
    *("endpoint", "region", "ca_bundle", "proxy_ca", "cdn"),
    *("profile", "vendor", "addressing_style", "payload_signing"),
    *("account_name", "api_version"),
    *("project", "user_project", "service_account", "signing_account", "credentials_file"),
    *("auth_url", "auth_version", "username", "user_id", "user_domain_name", "user_domain_id", "storage_url"),
    *("project_name", "project_id", "project_domain_name", "project_domain_id", "interface", "temp_url_digest"),
    *("application_credential_id", "application_credential_name", "cdn_management_url"),
})
_FLAGS: Final = frozenset({
    *("anonymous", "fsync"),
    *("dual_stack", "fips", "accelerate", "requester_pays"),
    *("versioning", "immutability", "delete_snapshots"),
})
_NUMBERS: Final = frozenset({"part_size_bytes", "concurrency", "memory_limit_bytes", "max_connections"})
_COMMON: Final = TransferOptions.__optional_keys__ | {"memory_limit_bytes"}


def connect(url: str, *, fsync: bool | None = None, **options: Unpack[ConnectOptions]) -> Driver:
    """The driver that a URL names. No request is made.

    ======================  =================================================================
    ``memory:``             :class:`~aiostorage.MemoryDriver`
    ``file:data``           :class:`~aiostorage.LocalDriver` of a folder, from the current one
    ``file:///var/data``    the same, absolute
    ``s3://``               :class:`~aiostorage.S3Driver`: Amazon, or what the environment says
    ``s3://?region=...``    the same, with options in the query
    ``gs://``               :class:`~aiostorage.GCSDriver`
    ``azure://``            :class:`~aiostorage.AzureDriver`: the account that the environment names
    ``swift://``            :class:`~aiostorage.SwiftDriver`: what the environment says
    ======================  =================================================================

    Options may stand in the query, by the names that the driver gives them; those given as keywords
    go first. Keys and tokens may not: URLs end up in logs.

    Raises:
        InvalidArgumentError: The URL is of no known kind, or an option is not the driver's.
    """
    if "#" in url:
        raise InvalidArgumentError("a URL of a driver has no fragment; a # in a name is written %23")
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise InvalidArgumentError("a URL must not hold credentials; give them as keywords or in the environment")
    given: dict[str, object] = {**_parse_query(parts.query), **options}
    if fsync is not None:
        given["fsync"] = fsync
    match parts.scheme:
        case "memory":
            if parts.netloc or parts.path:
                raise InvalidArgumentError("a memory URL looks like memory:")
            _check(given, _COMMON)
            return MemoryDriver(**cast("_Common", given))
        case "file":
            if parts.netloc not in {"", "localhost"} or not parts.path:
                raise InvalidArgumentError("a file URL looks like file:folder or file:///folder")
            is_synced = bool(given.pop("fsync", False))
            _check(given, _COMMON)
            return LocalDriver(unquote(parts.path), fsync=is_synced, **cast("_Common", given))
        case "s3" | "gs" | "azure" | "swift":
            return _connect_to_service(parts, given)
        case _:
            raise InvalidArgumentError(
                f"no driver for the scheme {parts.scheme!r}; there are memory, file, s3, gs, azure and swift"
            )


def _connect_to_service(parts: SplitResult, given: dict[str, object]) -> Driver:
    # ruff: noqa: PLC0415 - a provider is imported when it is asked for
    if parts.netloc or parts.path.strip("/"):
        raise InvalidArgumentError(
            f"the URL names a service, not a container or bucket: connect('{parts.scheme}://').container('name')"
        )
    # Each cast is of options whose names were checked; the driver checks their values.
    if parts.scheme == "s3":
        from aiostorage.providers.s3.config import S3Options

        _check(given, S3Options.__optional_keys__ | _COMMON)
        return S3Driver(**cast("_S3", given))
    if parts.scheme == "gs":
        from aiostorage.providers.gcs.config import GCSOptions

        _check(given, GCSOptions.__optional_keys__ | _COMMON)
        return GCSDriver(**cast("_GCS", given))
    if parts.scheme == "azure":
        from aiostorage.providers.azure.config import AzureOptions

        _check(given, AzureOptions.__optional_keys__ | _COMMON)
        return AzureDriver(**cast("_Azure", given))
    from aiostorage.providers.swift.config import SwiftOptions

    _check(given, SwiftOptions.__optional_keys__ | _COMMON)
    return SwiftDriver(**cast("_Swift", given))


def _check(given: Mapping[str, object], known: AbstractSet[str]) -> None:
    if others := sorted(given.keys() - known):
        raise InvalidArgumentError(f"the driver of this URL has no option {', '.join(others)}")


def _parse_query(query: str) -> dict[str, object]:
    options: dict[str, object] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in _TEXTS:
            options[name] = value
        elif name in _FLAGS:
            if value not in {"true", "false"}:
                raise InvalidArgumentError(f"{name} is true or false")
            options[name] = value == "true"
        elif name in _NUMBERS:
            if not (value.isascii() and value.isdigit() and len(value) <= 15):
                raise InvalidArgumentError(f"{name} is a whole number")
            options[name] = int(value)
        else:
            raise InvalidArgumentError(f"{name!r} is not an option that a URL may hold")
    return options
