"""Requests that others may send, as values. Pure: no clock, no I/O."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from aiostorage._http.headers import header_text
from aiostorage.errors import InvalidArgumentError, UnsupportedError
from aiostorage.models import PresignedRequest, check_lifetime
from aiostorage.providers.azure import requests, signing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from aiostorage.models import PresignOptions
    from aiostorage.providers.azure.config import Site
    from aiostorage.providers.azure.credentials import DelegationKey, SharedKey

_PERMISSIONS: Final = {"GET": "r", "HEAD": "r", "PUT": "cw", "DELETE": "d"}
_DELETE_VERSION: Final = "x"
"""Source: https://learn.microsoft.com/rest/api/storageservices/create-service-sas."""

_OVERRIDES: Final = {
    "cache-control": "rscc",
    "content-disposition": "rscd",
    "content-encoding": "rsce",
    "content-language": "rscl",
    "content-type": "rsct",
}


def check(method: str, options: PresignOptions) -> None:
    """Refuse what cannot be signed, before anybody is asked for a key.

    Raises:
        InvalidArgumentError: The method is none of those, or the time is none.
        UnsupportedError: Azure cannot replace a header of the answer.
    """
    if method not in _PERMISSIONS:
        raise InvalidArgumentError(f"{method} requests cannot be presigned", provider="azure")
    check_lifetime(options.expires_in_s)
    if options.response_headers and method not in {"GET", "HEAD"}:
        raise InvalidArgumentError(f"{method} has no headers of an answer to choose", provider="azure")
    _headers(method, options)
    _overrides(options.response_headers)


def presign(
    site: Site,
    method: str,
    container: str,
    key: str,
    options: PresignOptions,
    signing_key: SharedKey | DelegationKey,
    now: datetime,
) -> PresignedRequest:
    """A request on a blob, a version of it, or a part of one; it works as long as the key does, at most."""
    expires_at = (now + timedelta(seconds=options.expires_in_s)).replace(microsecond=0)
    if signing_key.expires_at is not None:
        expires_at = min(expires_at, signing_key.expires_at)
    snapshot, version_id = requests.split_version(options.version_id)
    token = signing.blob_sas(
        signing_key,
        site.account,
        container,
        key,
        permissions=_DELETE_VERSION if method == "DELETE" and version_id else _PERMISSIONS[method],
        expires_at=expires_at,
        snapshot=snapshot,
        version_id=version_id,
        https_only=site.scheme == "https",
        response_headers=_overrides(options.response_headers),
    )
    if options.upload is not None:
        url = requests.block_url(site, options.upload, options.part_number or 0)
    else:
        url = requests.version_url(site, container, key, options.version_id)
    return PresignedRequest(
        method=method,
        url=signing.with_token(url, token),
        headers=_headers(method, options),
        expires_at=expires_at,
    )


def _headers(method: str, options: PresignOptions) -> dict[str, str]:
    """The headers that must be sent: lower-case names, plain values."""
    sent = {name.lower(): header_text(name, value) for name, value in options.headers.items()}
    return {"x-ms-blob-type": "BlockBlob", **sent} if method == "PUT" and options.upload is None else sent


def _overrides(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers that the answer is to have, by the names that signatures give them."""
    names = {name.lower(): header_text(name, value) for name, value in headers.items()}
    if others := sorted(names.keys() - _OVERRIDES):
        raise UnsupportedError(f"{', '.join(others)} of an answer cannot be replaced", provider="azure")
    return {_OVERRIDES[name]: value for name, value in names.items()}
