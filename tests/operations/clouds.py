"""What only Azure, Google and Swift have, and the columns in which tests show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.operations.declared import Operation, only

if TYPE_CHECKING:
    from collections.abc import Mapping

AZURE: Final[Mapping[str, tuple[Operation, ...]]] = {
    "credentials": (
        *only("azurite", "account key", "connection string", "SAS of an account", "SAS of a container"),
        *only("azurite", "bearer token over TLS", "nobody (public containers)"),
        *only("fake", "the chain of azure-identity", "a refused token renewed"),
    ),
    "containers": (
        *only("azurite", "metadata", "public access and stored policies"),
        *only("fake", "a name being deleted waited for"),
    ),
    "objects": (
        *only("azurite", "tiers", "found by tags", "leases", "append and page blobs read"),
        *only("azurite", "refused with a wrong MD5 or CRC-64", "updated with their MD5 kept"),
        *only("fake", "deleted as a batch", "unsafe changes not sent again"),
    ),
    "versions": (*only("azurite", "snapshots"), *only("fake", "of the account")),
    "copies": only("azurite fake", "from a URL (waited for)") + only("azurite", "large ones by blocks from a URL"),
    "uploads": only("azurite", "blocks of others spared", "a presigned block"),
    "locks": only("fake", "retention and legal hold"),
    "encryption": only("fake", "with a key of ours (over TLS)"),
    "links": only("azurite", "in the name of an identity (user delegation)"),
}

GOOGLE: Final[Mapping[str, tuple[Operation, ...]]] = {
    "credentials": (
        *only("gcs fake", "service account", "authorized user", "workload identity (file or URL)", "impersonation"),
        *only("fake", "workload identity (a program)", "metadata server", "the order of places"),
        *only("gcs", "a token renewed in the middle of an upload"),
        *only("fake", "none for STORAGE_EMULATOR_HOST"),
    ),
    "uploads": (
        *only("gcs emulator", "resumable"),
        *only("gcs fake", "resumable (from the byte that was kept)"),
        *only(
            "gcs", "resumable (with conditions)", "resumable (by a later process)", "resumable (compared at the end)"
        ),
        *only("gcs emulator fake", "composed"),
    ),
    "objects": (
        *only("gcs fake", "rewritten in several calls"),
        *only("gcs", "storage class changed", "metagenerations as conditions", "a retention bypassed"),
        *only("fake", "custom time and event-based hold", "compressed as they are stored"),
        *only("fake", "one write at a time", "who pays"),
    ),
    "links": only("gcs fake", "signed by IAM") + only("fake", "as Google's client signs them"),
    "CDN (Cloud CDN)": only("fake", "signed URLs and cookies", "invalidation"),
}

SWIFT: Final[Mapping[str, tuple[Operation, ...]]] = {
    "credentials": (
        *only(
            "keystone",
            "Keystone 3 by password",
            "Keystone 3 by application credential",
            "Keystone 3 by token",
            "region and interface",
        ),
        *only("fake", "Keystone 2"),
        *only("swift keystone", "a refused token replaced"),
    ),
    "cluster": only("fake", "asked once what it can do"),
    "containers": (
        *only("swift", "objects and bytes counted", "policies and versions", "public"),
        *only("fake", "of segments hidden"),
    ),
    "objects": (
        *only("swift", "segments go with them", "segments go when they are replaced", "expiry"),
        *only("swift", "segments of others stay", "dynamic large ones read", "large ones copied by the server"),
        *only("swift fake", "refusals inside a success"),
    ),
    "links": only("swift", "SHA-256 and SHA-512", "prefix and addresses", "forms", "a container's key"),
    "CDN (X-CDN)": only("fake", "found and enabled and purged"),
}
