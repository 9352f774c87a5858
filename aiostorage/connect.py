"""From a URL to a driver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from aiostorage._http.options import HTTPOptions
from aiostorage.drivers import LocalDriver, MemoryDriver, S3Driver, SwiftDriver
from aiostorage.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiostorage.driver import Driver
    from aiostorage.options import TransferOptions
    from aiostorage.providers.s3.config import AddressingStyle, PayloadSigning, S3Options
    from aiostorage.providers.s3.profiles import VendorName
    from aiostorage.providers.swift.config import SwiftOptions

    class ConnectOptions(S3Options, TransferOptions, total=False):
        """What :func:`connect` takes."""

    class SwiftConnectOptions(SwiftOptions, TransferOptions, total=False):
        """What Swift's driver takes."""


_TRANSFER = frozenset({"part_size_bytes", "concurrency"})
_SWIFT_SHARED = HTTPOptions.__optional_keys__ | _TRANSFER | {"region", "anonymous", "cdn"}
_SWIFT = frozenset({
    *("auth_url", "auth_version", "username", "user_id", "user_domain_name", "user_domain_id", "storage_url"),
    *("project_name", "project_id", "project_domain_name", "project_domain_id", "interface", "temp_url_digest"),
    *("application_credential_id", "application_credential_name", "cdn_management_url"),
})
"""Swift's options that a URL may hold, besides those of all; all of them are text."""


def connect(url: str, *, fsync: bool | None = None, **options: Unpack[ConnectOptions]) -> Driver:
    """The driver that a URL names. No request is made.

    ======================  =================================================================
    ``memory:``             :class:`~aiostorage.MemoryDriver`
    ``file:data``           :class:`~aiostorage.LocalDriver` of a folder, from the current one
    ``file:///var/data``    the same, absolute
    ``s3://``               :class:`~aiostorage.S3Driver`: Amazon, or what the environment says
    ``s3://?region=...``    the same, with options in the query
    ``swift://``            :class:`~aiostorage.SwiftDriver`: what the environment says; what is
                            Swift's alone in the query, or by that class itself
    ======================  =================================================================

    Options may stand in the query, by the names that the driver gives them; those given as keywords
    go first. Keys and tokens may not: URLs end up in logs.

    Raises:
        InvalidArgumentError: The URL is of no known kind, or an option is not the driver's.
    """
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise InvalidArgumentError("a URL must not hold credentials; give them as keywords or in the environment")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if fsync is None and "fsync" in query:
        fsync = _parse_bool("fsync", query.pop("fsync"))
    if parts.scheme == "swift" and fsync is None:
        if parts.netloc or parts.path.strip("/"):
            raise InvalidArgumentError("a swift URL names no container: connect('swift://').container('name')")
        return SwiftDriver(**_swift_options(query, options))
    given: ConnectOptions = {**_parse_query(query), **options}
    if parts.scheme != "s3" and (others := sorted(given.keys() - _TRANSFER)):
        raise InvalidArgumentError(f"the driver of this URL has no option {', '.join(others)}")
    if parts.scheme != "file" and fsync is not None:
        raise InvalidArgumentError("the driver of this URL has no option fsync")
    match parts.scheme:
        case "memory":
            if parts.netloc or parts.path:
                raise InvalidArgumentError("a memory URL looks like memory:")
            return MemoryDriver(**_transfer_options(given))
        case "file":
            if parts.netloc not in {"", "localhost"} or not parts.path:
                raise InvalidArgumentError("a file URL looks like file:folder or file:///folder")
            return LocalDriver(unquote(parts.path), fsync=bool(fsync), **_transfer_options(given))
        case "s3":
            if parts.netloc or parts.path.strip("/"):
                raise InvalidArgumentError(
                    "an s3 URL names a service, not a bucket: connect('s3://?region=...').container('name')"
                )
            return S3Driver(**given)
        case _:
            raise InvalidArgumentError(
                f"no driver for the scheme {parts.scheme!r}; there are memory, file, s3 and swift"
            )


def _swift_options(query: Mapping[str, str], options: ConnectOptions) -> SwiftConnectOptions:
    """Swift's options from the query; and of the keywords those that all services share."""
    own = {name: value for name, value in query.items() if name in _SWIFT}
    shared: ConnectOptions = {
        **_parse_query({name: value for name, value in query.items() if name not in _SWIFT}),
        **options,
    }
    if others := sorted(shared.keys() - _SWIFT_SHARED):
        raise InvalidArgumentError(f"the driver of this URL has no option {', '.join(others)}")
    # What is left both have, with the same types; the driver refuses words that it does not know.
    return cast("SwiftConnectOptions", {**own, **shared})


def _parse_query(query: Mapping[str, str]) -> ConnectOptions:
    options: ConnectOptions = {}
    for name, value in query.items():
        match name:
            case "region":
                options["region"] = value
            case "endpoint":
                options["endpoint"] = value
            case "profile":
                options["profile"] = value
            case "ca_bundle":
                options["ca_bundle"] = value
            case "vendor":
                options["vendor"] = cast("VendorName", value)  # the driver refuses what it does not know
            case "addressing_style":
                options["addressing_style"] = cast("AddressingStyle", value)  # the same
            case "payload_signing":
                options["payload_signing"] = cast("PayloadSigning", value)  # the same
            case "anonymous":
                options["anonymous"] = _parse_bool(name, value)
            case "cdn":
                options["cdn"] = value
            case "dual_stack":
                options["dual_stack"] = _parse_bool(name, value)
            case "fips":
                options["fips"] = _parse_bool(name, value)
            case "accelerate":
                options["accelerate"] = _parse_bool(name, value)
            case "requester_pays":
                options["requester_pays"] = _parse_bool(name, value)
            case "part_size_bytes":
                options["part_size_bytes"] = _parse_int(name, value)
            case "concurrency":
                options["concurrency"] = _parse_int(name, value)
            case "max_connections":
                options["max_connections"] = _parse_int(name, value)
            case _:
                raise InvalidArgumentError(f"{name!r} is not an option that a URL may hold")
    return options


def _parse_bool(name: str, value: str) -> bool:
    if value not in {"true", "false"}:
        raise InvalidArgumentError(f"{name} is true or false")
    return value == "true"


def _parse_int(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 15):
        raise InvalidArgumentError(f"{name} is a whole number")
    return int(value)


def _transfer_options(given: ConnectOptions) -> TransferOptions:
    options: TransferOptions = {}
    if "part_size_bytes" in given:
        options["part_size_bytes"] = given["part_size_bytes"]
    if "concurrency" in given:
        options["concurrency"] = given["concurrency"]
    return options
