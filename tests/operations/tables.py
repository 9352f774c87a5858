"""Every operation, and every column in which a test must have shown it or its refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiostorage.testing import Deviation
from tests.operations.clouds import AZURE, GOOGLE, SWIFT
from tests.operations.declared import Operation, Table, only, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

S3_SERVERS: Final = {"ceph": "Ceph", "swift": "Swift", "rclone": "rclone", "moto": "moto"}


COMMON: Final[Mapping[str, tuple[Operation, ...]]] = {
    "containers": (
        *plain("create", "get", "list", "delete", "delete only if empty", "delete with all that is in it"),
        Operation("keep versions", needs=("versioning",)),
        Operation("tags", needs=("container_tags",)),
        Operation("documents", needs=("settings",)),
    ),
    "objects": (
        *plain("store", "head", "content headers", "delete", "delete many"),
        Operation("user metadata", needs=("object_metadata",)),
        Operation("change headers and metadata", needs=("update_in_place|replaces_metadata",)),
        Operation("tags", needs=("tags",)),
        Operation("tags of parts and copies", needs=("tags",)),
        Operation("access (ACL)", needs=("acl",)),
        Operation("storage class and restore", needs=("restore",)),
        Operation("what only the provider knows", needs=("extra",)),
    ),
    "listing": (
        *plain("page by page", "prefix", "delimiter"),
        Operation("any delimiter", unless=Deviation.SLASH_ONLY),
        *plain("start after"),
    ),
    "reading": (
        *plain("whole", "ranges", "as a file", "ranges at once to a local file"),
        Operation("a part by its number", needs=("part_numbers",)),
    ),
    "uploads": plain(
        "by parts", "as a file", "abort", "resume from a checkpoint", "list parts", "list unfinished ones",
        "drop stale ones",
    ),
    "copies": (
        Operation("by the provider", needs=("server_side_copy",)),
        Operation("with other headers and metadata", needs=("replaces_metadata",)),
        *plain("between providers"),
    ),
    "conditions": (
        Operation("create if absent", needs=("create_if_absent",)),
        Operation("the same by parts", needs=("create_if_absent",), unless=Deviation.UNCONDITIONAL_PARTS),
        Operation("replace if it matches", needs=("write_if_match",)),
        Operation("replace by parts", needs=("write_if_match",), unless=Deviation.UNCONDITIONAL_PARTS),
        Operation("read and head if it matches", needs=("read_conditions",)),
        Operation("read and head if it changed", needs=("read_conditions",)),
        Operation("copy", needs=("conditional_copy",)),
        Operation("delete if it matches", needs=("delete_if_match",)),
    ),
    "versions": (
        *[
            Operation(label, needs=("versioning",))
            for label in ("list", "read", "copy", "delete", "delete with their container")
        ],
        Operation("delete markers", needs=("versioning",), unless=Deviation.NO_DELETE_MARKERS),
    ),
    "encryption": (
        Operation("by the provider", needs=("encryption:managed",)),
        Operation("with its key service", needs=("encryption:kms",)),
        Operation("with a key of ours", needs=("encryption:customer",)),
        Operation("copies of it", needs=("encryption:customer",), unless=Deviation.NO_ENCRYPTED_COPIES),
    ),
    "checksums": tuple(
        Operation(label, needs=(f"checksums:{label.lower().replace('-', '')}",))
        for label in ("MD5", "SHA-1", "SHA-256", "CRC32", "CRC32C", "CRC64NVME")
    ),
    "locks": (Operation("retention", needs=("retention",)), Operation("legal hold", needs=("retention",))),
    "links": (
        *[Operation(method, needs=("presign",)) for method in ("GET", "PUT", "HEAD", "DELETE")],
        Operation("other headers of the answer", needs=("presign",)),
        Operation("of a version", needs=("presign", "versioning")),
        Operation("refused when changed", needs=("presign",), unless=Deviation.UNCHECKED_LINKS),
        Operation("parts of an upload", needs=("presign_part",)),
        Operation("POST form", needs=("presign_post",)),
    ),
}  # fmt: skip

S3: Final[Mapping[str, tuple[Operation, ...]]] = {
    "containers": (
        *only("moto model", "in a region", "with an owner"),
        Operation("with object lock", needs=("retention",)),
    ),
    "documents": tuple(
        Operation(name, needs=(f"settings:{name}",))
        for name in (
            "acl", "cors", "lifecycle", "policy", "object-lock", "public-access-block", "request-payment", "website",
            "encryption", "ownership", "replication", "accelerate", "logging", "notification",
        )
    ),
    "objects": (
        *only("ceph moto model", "access as another client sees it"),
        *only("swift", "refused with a wrong checksum"),
        *only("ceph swift moto model", "copies by parts at once"),
        *only("ceph model", "parts copied with a key of ours"),
        *only("fake", "lost replies of writes", "errors in a 200"),
    ),
    "endpoints": (
        *only("ceph swift rclone moto model", "path style"),
        *only("moto model", "virtual hosts"),
        *only("model", "dual stack", "FIPS"),
        *only("fake model", "acceleration", "access points"),
        *only("fake", "requester pays", "directory buckets (Express)"),
        *only("swift fake", "the region of a container found"),
        *only("ceph swift fake", "a wrong clock corrected"),
    ),
    "credentials": (
        *only("fake", "files and profiles", "a process"),
        *only("ceph moto fake", "a role and its source profile"),
        *only("fake", "a role with a code (MFA)", "a role with credential_source"),
        *only("moto fake", "web identity"),
        *only("fake", "ECS and EKS"),
        *only("moto fake", "EC2 (IMDSv2)"),
        *only("fake", "SSO"),
        *only("ceph fake", "session tokens"),
        *only("fake", "renewed in the middle of an upload"),
    ),
    "links": (
        *only("ceph swift", "used by curl", "refused when expired", "for their host only"),
        *only("ceph", "end with their credentials"),
        *only("ceph model", "forms as curl --form sends them"),
    ),
    "CDN (CloudFront)": only("fake", "signed URLs", "signed cookies", "invalidation"),
}  # fmt: skip

TABLES: Final = (
    Table(
        name="of all providers",
        servers={
            **S3_SERVERS,
            "gcs": "GCS",
            "azurite": "Azurite",
            "swift, own API": "Swift's own",
            "ceph, Swift's API": "Ceph's Swift",
            "local": "local",
            "memory": "memory",
        },
        groups=COMMON,
        others={"model": "S3's model"},
    ),
    Table(name="of S3", servers=S3_SERVERS, groups=S3, others={"fake": "fake", "model": "model"}),
    Table(name="of Azure", servers={"azurite": "Azurite"}, groups=AZURE, others={"fake": "fake"}),
    Table(
        name="of Google",
        servers={"gcs": "GCS"},
        groups=GOOGLE,
        others={"emulator": "gcp-storage-emulator", "fake": "fake"},
    ),
    Table(
        name="of Swift",
        servers={"swift": "Swift"},
        groups=SWIFT,
        others={"keystone": "behind Keystone", "fake": "fake"},
    ),
)

OPERATIONS: Final = frozenset(name for table in TABLES for name, _ in table.operations())
COLUMNS: Final = frozenset(column for table in TABLES for column in table.columns)
