"""Which operations the requests of Amazon's published model stand for, by the names of its calls and arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

BY_CALL: Final[Mapping[str, tuple[str, ...]]] = {
    "create_bucket": ("containers: create", "containers: in a region"),
    "head_bucket": ("containers: get",),
    "list_buckets": ("containers: list",),
    "delete_bucket": ("containers: delete",),
    "put_bucket_versioning": ("containers: keep versions",),
    "put_bucket_tagging": ("containers: tags",),
    "put_bucket_acl": ("documents: acl",),
    "put_object": ("objects: store",),
    "head_object": ("objects: head",),
    "delete_object": ("objects: delete",),
    "delete_objects": ("objects: delete many",),
    "put_object_tagging": ("objects: tags",),
    "put_object_acl": ("objects: access (ACL)", "objects: access as another client sees it"),
    "put_object_retention": ("locks: retention",),
    "put_object_legal_hold": ("locks: legal hold",),
    "restore_object": ("objects: storage class and restore",),
    "list_objects_v2": ("listing: page by page",),
    "list_object_versions": ("versions: list",),
    "get_object": ("reading: whole",),
    "copy_object": ("copies: by the provider",),
    "create_multipart_upload": ("uploads: by parts",),
    "upload_part_copy": ("objects: copies by parts at once",),
    "abort_multipart_upload": ("uploads: abort",),
    "list_parts": ("uploads: list parts",),
    "list_multipart_uploads": ("uploads: list unfinished ones",),
}

BY_ARGUMENT: Final[Mapping[tuple[Any, ...], tuple[str, ...]]] = {
    ("create_bucket", "ObjectOwnership"): ("containers: with an owner",),
    ("create_bucket", "ObjectLockEnabledForBucket"): ("containers: with object lock",),
    ("put_object", "ContentDisposition"): ("objects: content headers",),
    ("put_object", "Metadata"): ("objects: user metadata",),
    ("put_object", "WebsiteRedirectLocation"): ("objects: what only the provider knows",),
    ("put_object", "IfNoneMatch"): ("conditions: create if absent",),
    ("put_object", "IfMatch"): ("conditions: replace if it matches",),
    ("put_object", "ServerSideEncryption", "AES256"): ("encryption: by the provider",),
    ("put_object", "ServerSideEncryption", "aws:kms"): ("encryption: with its key service",),
    ("put_object", "SSECustomerKey"): ("encryption: with a key of ours",),
    ("put_object", "ChecksumCRC64NVME"): ("checksums: CRC64NVME",),
    ("create_multipart_upload", "Tagging"): ("objects: tags of parts and copies",),
    ("create_multipart_upload", "ChecksumAlgorithm", "SHA256"): ("checksums: SHA-256",),
    ("create_multipart_upload", "ChecksumAlgorithm", "CRC32C"): ("checksums: CRC32C",),
    ("complete_multipart_upload", "IfNoneMatch"): ("conditions: the same by parts",),
    ("complete_multipart_upload", "IfMatch"): ("conditions: replace by parts",),
    ("upload_part_copy", "CopySourceSSECustomerKey"): ("objects: parts copied with a key of ours",),
    ("copy_object", "MetadataDirective", "REPLACE"): (
        "copies: with other headers and metadata", "objects: change headers and metadata",
    ),
    ("copy_object", "IfNoneMatch"): ("conditions: copy",),
    ("copy_object", "CopySourceSSECustomerKey"): ("encryption: copies of it",),
    ("delete_object", "IfMatch"): ("conditions: delete if it matches",),
    ("delete_object", "VersionId"): ("versions: delete",),
    ("get_object", "Range"): ("reading: ranges",),
    ("get_object", "PartNumber"): ("reading: a part by its number",),
    ("get_object", "VersionId"): ("versions: read",),
    ("get_object", "IfMatch"): ("conditions: read and head if it matches",),
    ("get_object", "IfNoneMatch"): ("conditions: read and head if it changed",),
    ("list_objects_v2", "Prefix"): ("listing: prefix",),
    ("list_objects_v2", "Delimiter"): ("listing: delimiter",),
    ("list_objects_v2", "StartAfter"): ("listing: start after",),
}  # fmt: skip
