"""How the services that speak S3 differ, as data: one frozen value for each.

A flag is True only where the service was seen to obey, or says so in its documentation. For an
endpoint that nobody named, :data:`GENERIC` asks for nothing that a server may misunderstand or,
worse, accept and ignore.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from aiostorage.hashing import is_computable
from aiostorage.models import Capabilities, Limits
from aiostorage.providers.s3.endpoints import DOMAINS
from aiostorage.providers.s3.settings import SETTINGS
from aiostorage.providers.s3.values import WRITE_EXTRA, WRITE_ID_NAME

if TYPE_CHECKING:
    from aiostorage.models import HashAlgorithm
    from aiostorage.providers.s3.values import ChecksumType

MIB = 1024 * 1024
GIB = 1024 * MIB

VendorName: TypeAlias = Literal[
    "aws", "generic", "ceph", "gcs", "minio", "r2", "rclone", "swift",
    "b2", "cos", "hetzner", "ibm", "linode", "obs", "oss", "ovh", "scaleway", "spaces", "storj", "wasabi",
]  # fmt: skip

LIMITS = Limits(
    max_object_size_bytes=10_000 * 5 * GIB,
    max_put_size_bytes=5 * GIB,
    max_copy_size_bytes=5_000_000_000,
    min_part_size_bytes=5 * MIB,
    max_part_size_bytes=5 * GIB,
    max_parts=10_000,
    max_delete_batch=1000,
    max_page_size=1000,
)
"""Those of Amazon S3. Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html"""

ALL_CHECKSUMS: frozenset[HashAlgorithm] = frozenset({"md5", "crc32", "crc32c", "crc64nvme", "sha1", "sha256"})

EQUAL_PARTS = dataclasses.replace(LIMITS, equal_parts=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """One service that speaks S3. The defaults are the safe choice for a stranger.

    Attributes:
        name: For messages.
        hosts: The names of its hosts, with the region in them, if it is, as a group of that name.
        default_region: Signed with where no region is configured, and none is in the name of the host.
        addressing: Whether the container is in the path or in the host name.
        amazon_names: ARNs of access points, and the names of directory buckets, mean what they mean at Amazon.
        strict_container_names: Names follow Amazon's rules; otherwise anything that fits a path segment goes.
        forbidden_key: Keys in which this is found cannot be held.
        max_segment_bytes: The longest piece of a key between slashes, where keys are paths of files.
        etag_is_md5: Whether an ETag of 32 digits is the MD5 of the content: ``always``, only where the
            headers of the object deny encryption (a listing cannot tell), or ``never``.
        upload_digest: What goes with a body so that the service checks it.
        verifies_signed_payload: A signed SHA-256 of the body is compared with the body, and no other digest is
            needed. That a service checks signatures does not mean it: the header may be all that it looks at.
        full_object_checksums: The CRC of an upload by parts may be that of the whole object.
        checksums: What a body or part may come with so that the service checks it.
        returns_checksums: Reads may ask for ``x-amz-checksum-*``, and the service has computed them itself.
        list_version: Which of the two list operations to use. A service that answers the second as if it
            were the first is noticed; see ``responses.list_objects``.
        ordered_lists: Listings come in the order of keys, and begin and end with any prefix. Otherwise they come in
            none, a prefix ends in a slash, and so do those that stand for what shares them.
        url_encoded_lists: Keys in listings are percent-encoded when asked for, so that XML can carry them all.
            Not asked of strangers: one that only says so would have us delete other objects than were listed.
        tells_encoding: ListMultipartUploads says whether its keys are encoded; otherwise they are.
        bulk_delete: There is a DeleteObjects operation.
        document_digest: What goes with a document that must have a digest. Some take no other than this one.
        paged_containers: ListBuckets comes in pages and takes a prefix.
        location_constraint: CreateBucket wants to be told the region.
        recreates_containers: CreateBucket may succeed, and reset what was configured, where the container is there.
        versioning: Versions can be listed, read and deleted.
        create_if_absent: ``If-None-Match: *`` on PutObject is obeyed, and atomic.
        write_if_match: ``If-Match`` on PutObject is obeyed, and atomic.
        conditional_complete: The same two are obeyed on CompleteMultipartUpload.
        conditional_copy: The same two are obeyed on CopyObject.
        read_conditions: ``If-Match`` and ``If-None-Match`` on GetObject are obeyed.
        delete_if_match: ``If-Match`` on DeleteObject, and etags in DeleteObjects, are obeyed.
        copy_part: There is an UploadPartCopy operation.
        part_numbers: GetObject and HeadObject give a part by its number.
        replaces_metadata: A copy can be given other metadata than its source has.
        tags: Objects can be tagged.
        options_everywhere: Tags, retention and legal holds are obeyed by CreateMultipartUpload and CopyObject, too, and
            tags come along with copies that are given other metadata. Otherwise they are set afterwards.
        container_tags: And containers.
        acl: There are canned ACLs.
        retention: There are object locks.
        lifts_retention: What is retained in governance mode can be freed, not only retained for a shorter time.
        restore: Archived objects can be restored.
        encryption: Whose keys objects can be encrypted with.
        encrypted_copies: CopyObject encrypts, and reads what is encrypted.
        settings: Names of the documents that containers have; see ``settings``.
        extra: Headers that objects may be stored with, beside those that have an option of their own.
        presign_post: Browsers may post forms.
        atomic_completion: An AbortMultipartUpload does no harm while CompleteMultipartUpload is under way. Elsewhere it
            may remove the parts of the object that is being made: Swift's S3 API 2.38 did (``BrokenMPU``), and so did
            Ceph 17.2 (https://github.com/ceph/ceph/pull/60771) and SeaweedFS
            (https://github.com/seaweedfs/seaweedfs/pull/11385).
        own_metadata: Names of metadata that are not the user's.
        limits: The numbers.
        max_connections: Requests under way at once, where the user does not say how many.
        max_requests_per_s: Requests to begin in a second, where the user does not say.
        capabilities: The same, as the rest of the package wants to know it.
    """

    name: str
    hosts: re.Pattern[str] | None = None
    default_region: str = "us-east-1"
    addressing: Literal["path", "virtual"] = "path"
    amazon_names: bool = False
    strict_container_names: bool = False
    forbidden_key: re.Pattern[str] | None = None
    max_segment_bytes: int | None = None
    etag_is_md5: Literal["always", "unencrypted", "never"] = "never"
    upload_digest: Literal["md5", "crc32"] | None = "md5"
    verifies_signed_payload: bool = False
    full_object_checksums: bool = False
    checksums: frozenset[HashAlgorithm] = frozenset({"md5"})
    returns_checksums: bool = False
    list_version: Literal[1, 2] = 2
    ordered_lists: bool = True
    url_encoded_lists: bool = False
    tells_encoding: bool = True
    bulk_delete: bool = True
    document_digest: Literal["md5", "crc32"] = "md5"
    paged_containers: bool = False
    location_constraint: bool = False
    recreates_containers: bool = True
    versioning: bool = False
    create_if_absent: bool = False
    write_if_match: bool = False
    conditional_complete: bool = False
    conditional_copy: bool = False
    read_conditions: bool = False
    delete_if_match: bool = False
    copy_part: bool = False
    part_numbers: bool = False
    replaces_metadata: bool = True
    tags: bool = False
    options_everywhere: bool = True
    container_tags: bool = False
    acl: bool = False
    retention: bool = False
    lifts_retention: bool = True
    restore: bool = False
    encryption: frozenset[Literal["managed", "kms", "customer"]] = frozenset()
    encrypted_copies: bool = True
    settings: frozenset[str] = frozenset()
    extra: frozenset[str] = frozenset()
    presign_post: bool = False
    atomic_completion: bool = False
    own_metadata: frozenset[str] = frozenset({WRITE_ID_NAME})
    limits: Limits = LIMITS
    max_connections: int | None = None
    max_requests_per_s: float | None = None
    capabilities: Capabilities = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Say the same as the rest of the package wants to know it."""
        capabilities = Capabilities(
            limits=self.limits,
            create_if_absent=self.create_if_absent,
            write_if_match=self.write_if_match,
            read_conditions=self.read_conditions,
            part_numbers=self.part_numbers,
            server_side_copy=True,
            versioning=self.versioning,
            presign=True,
            presign_post=self.presign_post,
            presign_part=True,
            presign_headers=True,
            conditional_parts=self.conditional_complete,
            conditional_copy=self.conditional_copy,
            delete_if_match=self.delete_if_match,
            replaces_metadata=self.replaces_metadata,
            tags=self.tags,
            container_tags=self.container_tags,
            acl=self.acl,
            retention=self.retention,
            restore=self.restore,
            encryption=self.encryption,
            checksums=frozenset({name for name in self.checksums if is_computable(name)}),
            settings=self.settings,
            extra=self.extra,
            atomic_completion=self.atomic_completion,
        )
        object.__setattr__(self, "capabilities", capabilities)  # frozen, but not yet made

    def checksum_type(self, algorithm: HashAlgorithm | None) -> ChecksumType:
        """Of what the checksum of an upload by parts is made.

        Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
        """
        is_full = algorithm == "crc64nvme" or (self.full_object_checksums and algorithm in {"crc32", "crc32c"})
        return "FULL_OBJECT" if is_full else "COMPOSITE"


AWS = Vendor(
    name="aws",
    hosts=re.compile(
        r"(?:.*?\.)??(?:s3[.-](?:dualstack\.)?(?P<region>[a-z]+-[a-z-]+-\d)\.)?"
        rf"(?:{'|'.join(map(re.escape, DOMAINS))})"
    ),
    addressing="virtual",
    amazon_names=True,
    strict_container_names=True,
    etag_is_md5="unencrypted",
    upload_digest="crc32",
    verifies_signed_payload=True,
    full_object_checksums=True,
    checksums=ALL_CHECKSUMS,
    returns_checksums=True,
    url_encoded_lists=True,
    paged_containers=True,
    location_constraint=True,
    versioning=True,
    create_if_absent=True,
    write_if_match=True,
    conditional_complete=True,
    conditional_copy=True,
    read_conditions=True,
    delete_if_match=True,
    copy_part=True,
    part_numbers=True,
    tags=True,
    container_tags=True,
    acl=True,
    retention=True,
    restore=True,
    encryption=frozenset({"managed", "kms", "customer"}),
    settings=frozenset(SETTINGS),
    extra=WRITE_EXTRA,
    presign_post=True,
    # "never partial or corrupt data": https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel
    atomic_completion=True,
)

# Buckets of S3 Express One Zone. Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-express-differences.html
DIRECTORY_BUCKETS = dataclasses.replace(
    AWS,
    name="aws (directory bucket)",
    etag_is_md5="never",
    full_object_checksums=False,
    ordered_lists=False,
    document_digest="crc32",
    versioning=False,
    tags=False,
    container_tags=False,
    acl=False,
    retention=False,
    restore=False,
    encryption=frozenset({"managed", "kms"}),
    settings=frozenset({"encryption", "lifecycle", "policy"}),
    extra=frozenset({"expires", "x-amz-expected-bucket-owner"}),
    presign_post=False,
)

# A stranger over plain HTTP gets an MD5 beside the signed SHA-256. One of the two would do, and MD5 is the dear one: it
# is two thirds of what a GiB then costs. But some servers look at the one only (rclone), some at the other only, and a
# body that nobody has compared is what this must not end in. Name the vendor, and it is one.
GENERIC = Vendor(name="generic")

# Conditions on Complete and DeleteObject are accepted and ignored, and so are encryption with a managed key, and tags,
# retention and holds on anything but PutObject; If-Match on PUT wants an unquoted ETag. DELETE and PUT of a subresource
# that it does not know fall through to the container itself: a setting is not to be tried out (all seen on 16.2).
CEPH = Vendor(
    name="ceph",
    forbidden_key=re.compile("\x00"),
    etag_is_md5="unencrypted",
    verifies_signed_payload=True,
    url_encoded_lists=True,
    tells_encoding=False,
    versioning=True,
    create_if_absent=True,
    read_conditions=True,
    copy_part=True,
    tags=True,
    options_everywhere=False,
    container_tags=True,
    acl=True,
    retention=True,
    lifts_retention=False,
    encryption=frozenset({"kms", "customer"}),
    encrypted_copies=False,
    settings=frozenset({
        "acl",
        "cors",
        "lifecycle",
        "object-lock",
        "policy",
        "public-access-block",
        "request-payment",
    }),
    extra=frozenset({"expires", "x-amz-website-redirect-location"}),
    presign_post=True,
)

# The S3 front of OpenStack Swift. If-None-Match on writes is checked before, not while, the object is
# stored (seen on 2.38: two of sixteen racers win), so it is not offered, nor is If-Match on DELETE. Checksums are
# checked, and then forgotten. Of many deletions it makes two at a time and answers after the last: a thousand of them
# were more than a minute of silence, which is taken for death, on a busy machine.
SWIFT = Vendor(
    name="swift",
    forbidden_key=re.compile("\x00"),
    etag_is_md5="always",
    verifies_signed_payload=True,
    url_encoded_lists=True,
    recreates_containers=False,
    versioning=True,
    read_conditions=True,
    copy_part=True,
    part_numbers=True,
    checksums=ALL_CHECKSUMS,
    limits=dataclasses.replace(LIMITS, max_delete_batch=200),
)

# `rclone serve s3`: keys are paths of files, and control characters in them become others; a signed SHA-256 and
# all conditions but If-None-Match on GET are ignored; UploadPartCopy answers 200 and does nothing; a copy keeps
# the metadata of its source beside what it is given; modification times are metadata (all seen on 1.75).
RCLONE = Vendor(
    name="rclone",
    forbidden_key=re.compile(r"(?:\A|/)\.{0,2}(?:/|\Z)|[\x00-\x1f\x7f]"),
    max_segment_bytes=255,
    etag_is_md5="always",
    recreates_containers=False,
    replaces_metadata=False,
    own_metadata=frozenset({"mtime", WRITE_ID_NAME}),
)

# Source: https://min.io/docs/minio/linux/operations/concepts/thresholds.html,
# https://min.io/docs/minio/linux/reference/s3-api-compatibility.html
MINIO = Vendor(
    name="minio",
    forbidden_key=re.compile(r"(?:\A|/)\.{1,2}(?:/|\Z)|\A/|//"),
    max_segment_bytes=255,
    etag_is_md5="unencrypted",
    verifies_signed_payload=True,
    url_encoded_lists=True,
    versioning=True,
    create_if_absent=True,
    write_if_match=True,
    read_conditions=True,
    copy_part=True,
    tags=True,
    container_tags=True,
    retention=True,
    encryption=frozenset({"managed", "kms", "customer"}),
    settings=frozenset({"encryption", "lifecycle", "notification", "object-lock", "policy", "replication"}),
    presign_post=True,
)

# Source: https://developers.cloudflare.com/r2/api/s3/api/
R2 = Vendor(
    name="r2",
    hosts=re.compile(r".+\.r2\.cloudflarestorage\.com"),
    default_region="auto",
    etag_is_md5="unencrypted",
    verifies_signed_payload=True,
    url_encoded_lists=True,
    create_if_absent=True,
    write_if_match=True,
    conditional_complete=True,
    read_conditions=True,
    copy_part=True,
    encryption=frozenset({"customer"}),
    settings=frozenset({"cors", "lifecycle"}),
    limits=EQUAL_PARTS,
)

# The XML API with HMAC keys. Source: https://cloud.google.com/storage/docs/interoperability
GCS = Vendor(
    name="gcs",
    hosts=re.compile(r"storage\.googleapis\.com"),
    default_region="auto",
    url_encoded_lists=True,
    bulk_delete=False,
    read_conditions=True,
    atomic_completion=True,
)
