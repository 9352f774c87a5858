"""What a cluster can do, as its ``/info`` tells. Pure.

Source: https://docs.openstack.org/swift/latest/api/discoverability.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiostorage._http.json import MalformedJSONError, integer, member, parse, texts
from aiostorage.models import Capabilities, Limits
from aiostorage.providers.swift.requests import EXTRA

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_GIB = 1 << 30
_MAX_FILE_BYTES = 5 * _GIB
_MAX_BATCH = 1000
"""A cluster takes 10,000 names at once, and deletes two at a time: several requests of fewer are quicker."""

SETTINGS: Final = {
    "read-acl": "x-container-read",
    "write-acl": "x-container-write",
    "quota-bytes": "x-container-meta-quota-bytes",
    "quota-count": "x-container-meta-quota-count",
    "versions-location": "x-versions-location",
    "history-location": "x-history-location",
    "cors-allow-origin": "x-container-meta-access-control-allow-origin",
    "cors-max-age": "x-container-meta-access-control-max-age",
    "cors-expose-headers": "x-container-meta-access-control-expose-headers",
    "web-index": "x-container-meta-web-index",
    "web-error": "x-container-meta-web-error",
    "web-listings": "x-container-meta-web-listings",
}
"""What a container can be told, and the header that tells it.

Source: https://docs.openstack.org/swift/latest/overview_acl.html, https://docs.openstack.org/swift/latest/cors.html,
https://docs.openstack.org/swift/latest/middleware.html#static-web
"""

_NEEDED: Final = {
    "quota-bytes": "container_quotas",
    "quota-count": "container_quotas",
    "versions-location": "versioned_writes",
    "history-location": "versioned_writes",
    "web-index": "staticweb",
    "web-error": "staticweb",
    "web-listings": "staticweb",
}
"""What a cluster must have to look at a setting."""

_CEPHS: Final = frozenset({"read-acl", "write-acl", "web-index", "web-error"})
"""The settings that Ceph takes one by one, tells again, and lets go."""

_MAX_COPY_BYTES = _GIB
"""A copy is silent until it is done. What is larger goes in parts, so that no timeout ends it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """What is known of a cluster.

    Attributes:
        capabilities: As users see them.
        bulk_delete: Many objects can be deleted with one request.
        large_objects: Manifests of segments (SLO) can be stored.
        heartbeat: A manifest can be stored with signs of life while its segments are looked at.
        fills_pages: A page of a listing that is not full is the last one. Ceph announces pages of 10,000 names, and
            gives as many as it is configured to, commonly 1,000.
        tells_large: Listings tell large objects from small ones, and how large they are.
        temp_url_digests: The digests that signed requests may have; empty where there are none.
    """

    capabilities: Capabilities
    bulk_delete: bool = True
    large_objects: bool = True
    heartbeat: bool = False
    fills_pages: bool = False
    tells_large: bool = True
    temp_url_digests: Sequence[str] = ("sha256", "sha1")


def _capabilities(
    max_file: int,
    max_parts: int,
    max_page: int,
    max_batch: int,
    *,
    versioning: bool = False,
    presign: bool = False,
    settings: Iterable[str] = SETTINGS,
) -> Capabilities:
    return Capabilities(
        limits=Limits(
            max_object_size_bytes=max_file * max_parts,
            max_put_size_bytes=max_file,
            max_copy_size_bytes=min(max_file, _MAX_COPY_BYTES),
            min_part_size_bytes=1,
            max_part_size_bytes=max_file,
            max_parts=max_parts,
            max_delete_batch=max_batch,
            max_page_size=max_page,
        ),
        # A proxy looks for the object, and then writes: two that try at once may both succeed.
        create_if_absent=False,
        write_if_match=False,
        read_conditions=True,
        server_side_copy=True,
        versioning=versioning,
        presign=presign,
        presign_part=presign,
        update_in_place=True,
        container_tags=True,
        settings=frozenset(settings),
        extra=EXTRA,
    )


UNKNOWN: Final = Cluster(capabilities=_capabilities(_MAX_FILE_BYTES, 1000, 10_000, _MAX_BATCH))
"""What holds nearly everywhere: for clusters that were not asked yet, or do not tell."""


def read_info(body: bytes) -> Cluster:
    """The cluster that a document describes; :data:`UNKNOWN` where it describes none."""
    try:
        info = parse(body)
    except MalformedJSONError:
        return UNKNOWN
    swift, slo, bulk = member(info, "swift"), member(info, "slo"), member(info, "bulk_delete")
    if not swift:
        return UNKNOWN
    limits = UNKNOWN.capabilities.limits
    max_file = integer(swift, "max_file_size") or limits.max_put_size_bytes
    is_ceph = "max_object_name_size" in swift  # all others call it otherwise
    digests = _digests(texts(member(info, "tempurl"), "allowed_digests")) if "tempurl" in info else ()
    capabilities = _capabilities(
        min(max_file, _MAX_FILE_BYTES),
        integer(slo, "max_manifest_segments") or limits.max_parts,
        integer(swift, "container_listing_limit") or limits.max_page_size,
        min(integer(bulk, "max_deletes_per_request") or _MAX_BATCH, _MAX_BATCH),
        versioning="object_versioning" in info,
        presign=bool(digests),
        settings=[name for name in (_CEPHS if is_ceph else SETTINGS) if _NEEDED.get(name, "swift") in info],
    )
    return Cluster(
        capabilities=capabilities,
        bulk_delete="bulk_delete" in info,
        large_objects="slo" in info,
        heartbeat="yield_frequency" in slo,
        fills_pages=not is_ceph,
        tells_large=not is_ceph,  # which lists the manifests themselves
        temp_url_digests=digests,
    )


def _digests(told: Sequence[str]) -> tuple[str, ...]:
    """The digests of a cluster, the best known first. Those that name none are old, and take SHA-1."""
    return tuple(digest for digest in ("sha256", "sha512", "sha1") if digest in (told or ["sha1"]))
