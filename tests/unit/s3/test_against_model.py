"""Every request of S3 beside the one that botocore makes of Amazon's published service model for the same call.

This is what stands where no server that the tests can start offers an operation. Nothing is sent.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from aiostorage._http.tokens import make_token
from aiostorage.models import (
    ByteRange,
    ContainerOptions,
    CustomerKey,
    KMSKey,
    ListQuery,
    ManagedKey,
    ObjectHash,
    ObjectRef,
    Part,
    ReadOptions,
    Retention,
    Upload,
    WriteOptions,
)
from aiostorage.providers.s3 import requests, subresources, upload_requests
from aiostorage.providers.s3.config import Settings, make_site
from aiostorage.providers.s3.settings import SETTINGS
from tests.contract.s3_documents import DOCUMENTS
from tests.unit.s3.model import Case, is_document, meanings, new_client
from tests.unit.s3.model_operations import BY_ARGUMENT, BY_CALL

if TYPE_CHECKING:
    from aiostorage._http.messages import Request

SITE = make_site(Settings(region="eu-west-1"), {}, {})
BUCKET, NAME = "bucket", "a b/ü+%"
MOMENT = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
KEY, OTHER_KEY = CustomerKey(key=b"k" * 32), CustomerKey(key=b"o" * 32)
SSE_C = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": KEY.key}
SOURCE_SSE_C = {"CopySourceSSECustomerAlgorithm": "AES256", "CopySourceSSECustomerKey": OTHER_KEY.key}
REF = ObjectRef(container=BUCKET, key=NAME)
VERSION = ObjectRef(container=BUCKET, key=NAME, version_id="v+/=")
SOURCE = ObjectRef(container="other", key=NAME, version_id="v", if_match="e", customer_key=OTHER_KEY)
UPLOAD = Upload(container=BUCKET, key=NAME, upload_id="u+/=", customer_key=KEY, checksum="sha256")
SHA = ObjectHash(algorithm="sha256", value="00" * 32)
CRC = ObjectHash(algorithm="crc64nvme", value="0000000000000001")
PARTS = [Part(number=n, offset=0, size=5, etag=f"e{n}", checksum=SHA) for n in (1, 2)]
THEIR_PARTS = [{"PartNumber": n, "ETag": f'"e{n}"', "ChecksumSHA256": "A" * 43 + "="} for n in (1, 2)]

OPTIONS = WriteOptions(
    content_type="text/x-own",
    cache_control="no-store",
    content_disposition="inline",
    content_encoding="gzip",
    content_language="de",
    metadata={"colour": "red"},
    storage_class="GLACIER",
    tags={"a/b": "1 + 1 = 2", "é": "&"},
    acl="public-read",
    retention=Retention(mode="compliance", until=MOMENT),
    legal_hold=True,
    extra={
        "x-amz-website-redirect-location": "/x",
        "x-amz-grant-read": 'id="1"',
        "x-amz-grant-read-acp": 'id="2"',
        "x-amz-grant-write-acp": 'id="3"',
        "x-amz-grant-full-control": 'id="4"',
        "x-amz-expected-bucket-owner": "1234",
        "Expires": "Wed, 02 Jan 2030 03:04:05 GMT",
    },
)
THEIR_OPTIONS = {
    "ContentType": "text/x-own",
    "CacheControl": "no-store",
    "ContentDisposition": "inline",
    "ContentEncoding": "gzip",
    "ContentLanguage": "de",
    "Metadata": {"colour": "red"},
    "StorageClass": "GLACIER",
    "Tagging": "%C3%A9=%26&a%2Fb=1%20%2B%201%20%3D%202",
    "ACL": "public-read",
    "ObjectLockMode": "COMPLIANCE",
    "ObjectLockRetainUntilDate": MOMENT,
    "ObjectLockLegalHoldStatus": "ON",
    "WebsiteRedirectLocation": "/x",
    "GrantRead": 'id="1"',
    "GrantReadACP": 'id="2"',
    "GrantWriteACP": 'id="3"',
    "GrantFullControl": 'id="4"',
    "ExpectedBucketOwner": "1234",
    "Expires": MOMENT,
}
KMS = KMSKey(key_id="arn:key", context={"team": "a"}, bucket_key=True)
THEIR_KMS = {
    "ServerSideEncryption": "aws:kms",
    "SSEKMSKeyId": "arn:key",
    "SSEKMSEncryptionContext": "eyJ0ZWFtIjoiYSJ9",
    "BucketKeyEnabled": True,
}


def of_container(request: Request, call: str, **arguments: Any) -> Case:
    return Case(request, call, {"Bucket": BUCKET, **arguments})


def of_object(request: Request, call: str, **arguments: Any) -> Case:
    return Case(request, call, {"Bucket": BUCKET, "Key": NAME, **arguments})


def of_upload(request: Request, call: str, **arguments: Any) -> Case:
    return of_object(request, call, UploadId=UPLOAD.upload_id, **arguments)


def put(options: WriteOptions, **digests: str) -> Request:
    return requests.put_object(SITE, BUCKET, NAME, b"body", options, digests=digests, on_sent=None)


def read(options: ReadOptions) -> tuple[Request, Request]:
    return requests.get_object(SITE, BUCKET, NAME, options), requests.head_object(SITE, BUCKET, NAME, options)


CONDITIONAL_READ = ReadOptions(version_id="v", if_match="e", if_none_match="n", customer_key=KEY)
THEIR_CONDITIONAL_READ = {"VersionId": "v", "IfMatch": '"e"', "IfNoneMatch": '"n"', **SSE_C}
TAG_SET = {"TagSet": [{"Key": "a", "Value": "<1>"}, {"Key": "b", "Value": ""}]}
TAGS = {"a": "<1>", "b": ""}

OBJECTS = [
    of_object(put(OPTIONS), "put_object", Body=b"body", **THEIR_OPTIONS),
    of_object(
        put(WriteOptions(encryption=KMS, if_match="e"), **{"x-amz-checksum-crc64nvme": "AAAAAAAAAAE="}),
        "put_object", Body=b"body", IfMatch='"e"', ChecksumCRC64NVME="AAAAAAAAAAE=", **THEIR_KMS,
    ),
    of_object(
        put(WriteOptions(encryption=ManagedKey(), if_none_match="*")),
        "put_object", Body=b"body", IfNoneMatch="*", ServerSideEncryption="AES256",
    ),
    of_object(put(WriteOptions(encryption=KEY, legal_hold=False)),
              "put_object", Body=b"body", ObjectLockLegalHoldStatus="OFF", **SSE_C),
    of_object(read(CONDITIONAL_READ)[0], "get_object", ChecksumMode="ENABLED", **THEIR_CONDITIONAL_READ),
    of_object(read(CONDITIONAL_READ)[1], "head_object", ChecksumMode="ENABLED", **THEIR_CONDITIONAL_READ),
    of_object(read(ReadOptions(byte_range=ByteRange(5, 10)))[0],
              "get_object", ChecksumMode="ENABLED", Range="bytes=5-9"),
    of_object(read(ReadOptions(part_number=3))[0], "get_object", ChecksumMode="ENABLED", PartNumber=3),
    of_object(read(ReadOptions(part_number=3))[1], "head_object", ChecksumMode="ENABLED", PartNumber=3),
    of_object(requests.delete_object(SITE, VERSION, bypass_retention=True),
              "delete_object", VersionId="v+/=", BypassGovernanceRetention=True),
    of_object(requests.delete_object(SITE, ObjectRef(container=BUCKET, key=NAME, if_match="e")),
              "delete_object", IfMatch='"e"'),
    of_container(
        requests.delete_objects(
            SITE, BUCKET, [VERSION, ObjectRef(container=BUCKET, key="<&>", if_match="e")], bypass_retention=True
        ),
        "delete_objects", BypassGovernanceRetention=True,
        Delete={"Objects": [{"Key": NAME, "VersionId": "v+/="}, {"Key": "<&>", "ETag": "e"}]},
    ),
    of_object(
        requests.copy_object(SITE, SOURCE, BUCKET, NAME, None),
        "copy_object", CopySource={"Bucket": "other", "Key": NAME, "VersionId": "v"}, CopySourceIfMatch='"e"',
        MetadataDirective="COPY", **SOURCE_SSE_C,
    ),
    of_object(
        requests.copy_object(
            SITE, REF, BUCKET, NAME,
            WriteOptions(tags={"a": "1"}, encryption=KEY, checksum="sha256", if_match="e", if_none_match="*"),
        ),
        "copy_object", CopySource={"Bucket": BUCKET, "Key": NAME}, MetadataDirective="REPLACE", Tagging="a=1",
        TaggingDirective="REPLACE", ChecksumAlgorithm="SHA256", IfMatch='"e"', IfNoneMatch="*", **SSE_C,
    ),
    of_container(
        requests.list_objects(
            SITE, BUCKET, ListQuery(prefix="p +", delimiter="/", page_size=7), token=make_token("pages", "t=")
        ),
        "list_objects_v2", Prefix="p +", Delimiter="/", MaxKeys=7, ContinuationToken="t=",
    ),
    of_container(requests.list_objects(SITE, BUCKET, ListQuery(start_after="s"), token=None),
                 "list_objects_v2", StartAfter="s"),
    of_container(requests.list_objects(SITE, BUCKET, ListQuery(), token=make_token("keys", "k")),
                 "list_objects", Marker="k"),
    of_container(
        requests.list_objects(SITE, BUCKET, ListQuery(versions=True), token=make_token("versions", "k", "v")),
        "list_object_versions", KeyMarker="k", VersionIdMarker="v",
    ),
    of_object(subresources.of_object(SITE, "get_tags", "GET", VERSION, "tagging"),
              "get_object_tagging", VersionId="v+/="),
    of_object(subresources.set_tags(SITE, VERSION, TAGS), "put_object_tagging", VersionId="v+/=", Tagging=TAG_SET),
    of_object(subresources.of_object(SITE, "set_tags", "DELETE", REF, "tagging"), "delete_object_tagging"),
    of_object(subresources.set_acl(SITE, VERSION, "private"), "put_object_acl", VersionId="v+/=", ACL="private"),
    of_object(
        subresources.set_retention(SITE, REF, Retention(mode="governance", until=MOMENT), bypass_retention=True),
        "put_object_retention", BypassGovernanceRetention=True,
        Retention={"Mode": "GOVERNANCE", "RetainUntilDate": MOMENT},
    ),
    of_object(subresources.set_retention(SITE, REF, None, bypass_retention=False),
              "put_object_retention", Retention={}),
    of_object(subresources.set_legal_hold(SITE, VERSION, is_held=True),
              "put_object_legal_hold", VersionId="v+/=", LegalHold={"Status": "ON"}),
    of_object(
        subresources.restore_object(SITE, VERSION, days=3, tier="Bulk"),
        "restore_object", VersionId="v+/=", RestoreRequest={"Days": 3, "GlacierJobParameters": {"Tier": "Bulk"}},
    ),
    of_object(subresources.restore_object(SITE, REF, days=None, tier=None), "restore_object", RestoreRequest={}),
]  # fmt: skip

UPLOADS = [
    of_object(
        upload_requests.create_upload(SITE, BUCKET, NAME, OPTIONS, checksum="sha256"),
        "create_multipart_upload", ChecksumAlgorithm="SHA256", **THEIR_OPTIONS,
    ),
    of_object(
        upload_requests.create_upload(SITE, BUCKET, NAME, WriteOptions(encryption=KMS), checksum="crc32c"),
        "create_multipart_upload", ChecksumAlgorithm="CRC32C", ChecksumType="FULL_OBJECT", **THEIR_KMS,
    ),
    of_object(
        upload_requests.create_upload(SITE, BUCKET, NAME, WriteOptions(encryption=KEY), checksum="md5"),
        "create_multipart_upload", **SSE_C,
    ),
    of_upload(
        upload_requests.upload_part(
            SITE, UPLOAD, 7, b"body", digests={"x-amz-checksum-sha256": "A" * 43 + "="}, on_sent=None
        ),
        "upload_part", PartNumber=7, Body=b"body", ChecksumSHA256="A" * 43 + "=", **SSE_C,
    ),
    of_upload(
        upload_requests.copy_part(SITE, UPLOAD, 7, SOURCE, ByteRange(5, 10)),
        "upload_part_copy", PartNumber=7, CopySource={"Bucket": "other", "Key": NAME, "VersionId": "v"},
        CopySourceIfMatch='"e"', CopySourceRange="bytes=5-9", **SSE_C, **SOURCE_SSE_C,
    ),
    of_upload(
        upload_requests.complete_upload(
            SITE, UPLOAD, PARTS, WriteOptions(if_none_match="*"),
            checksum=ObjectHash(algorithm="sha256", value="00" * 32, scope="parts"),
        ),
        "complete_multipart_upload", MultipartUpload={"Parts": THEIR_PARTS}, IfNoneMatch="*", **SSE_C,
    ),
    of_upload(
        upload_requests.complete_upload(
            SITE, Upload(container=BUCKET, key=NAME, upload_id="u+/=", checksum="crc64nvme"),
            [Part(number=1, offset=0, size=5, etag="e1", checksum=CRC)], WriteOptions(if_match="e"), checksum=CRC,
        ),
        "complete_multipart_upload", IfMatch='"e"', MpuObjectSize=5, ChecksumType="FULL_OBJECT",
        ChecksumCRC64NVME="AAAAAAAAAAE=",
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": '"e1"', "ChecksumCRC64NVME": "AAAAAAAAAAE="}]},
    ),
    of_upload(upload_requests.abort_upload(SITE, UPLOAD), "abort_multipart_upload"),
    of_upload(upload_requests.list_parts(SITE, UPLOAD, token="9"), "list_parts", PartNumberMarker=9),
    of_container(
        upload_requests.list_uploads(SITE, BUCKET, prefix="p", token=make_token("uploads", "k", "u")),
        "list_multipart_uploads", Prefix="p", KeyMarker="k", UploadIdMarker="u", EncodingType="url",
    ),
]  # fmt: skip

CONTAINERS = [
    Case(requests.list_containers(SITE, prefix="p", token="t"), "list_buckets",
         {"Prefix": "p", "MaxBuckets": 1000, "ContinuationToken": "t"}),
    of_container(
        requests.create_container(
            SITE, BUCKET,
            ContainerOptions(
                object_lock=True, ownership="ObjectWriter", acl="public-read", extra={"x-amz-grant-write": 'id="1"'}
            ),
        ),
        "create_bucket", ObjectLockEnabledForBucket=True, ObjectOwnership="ObjectWriter", ACL="public-read",
        GrantWrite='id="1"', CreateBucketConfiguration={"LocationConstraint": "eu-west-1"},
    ),
    of_container(requests.create_container(SITE, BUCKET, ContainerOptions(region="ap-south-1")),
                 "create_bucket", CreateBucketConfiguration={"LocationConstraint": "ap-south-1"}),
    of_container(requests.head_container(SITE, BUCKET), "head_bucket"),
    of_container(requests.delete_container(SITE, BUCKET), "delete_bucket"),
    of_container(subresources.of_container(SITE, "get_versioning", "GET", BUCKET, "versioning"),
                 "get_bucket_versioning"),
    of_container(subresources.set_versioning(SITE, BUCKET, is_kept=True),
                 "put_bucket_versioning", VersioningConfiguration={"Status": "Enabled"}),
    of_container(subresources.set_versioning(SITE, BUCKET, is_kept=False),
                 "put_bucket_versioning", VersioningConfiguration={"Status": "Suspended"}),
    of_container(subresources.of_container(SITE, "get_container_tags", "GET", BUCKET, "tagging"),
                 "get_bucket_tagging"),
    of_container(subresources.set_container_tags(SITE, BUCKET, TAGS), "put_bucket_tagging", Tagging=TAG_SET),
    of_container(subresources.of_container(SITE, "set_container_tags", "DELETE", BUCKET, "tagging"),
                 "delete_bucket_tagging"),
]  # fmt: skip

# The operations of each document: to get, to set with the same content in botocore's words, and to remove.
CALLS: dict[str, tuple[str, str, dict[str, Any], str | None]] = {
    "accelerate": (
        "get_bucket_accelerate_configuration",
        "put_bucket_accelerate_configuration",
        {"AccelerateConfiguration": {"Status": "Enabled"}},
        None,
    ),
    "cors": (
        "get_bucket_cors",
        "put_bucket_cors",
        {
            "CORSConfiguration": {
                "CORSRules": [
                    {"AllowedOrigins": ["https://app.example"], "AllowedMethods": ["GET"], "MaxAgeSeconds": 77}
                ]
            }
        },
        "delete_bucket_cors",
    ),
    "encryption": (
        "get_bucket_encryption",
        "put_bucket_encryption",
        {
            "ServerSideEncryptionConfiguration": {
                "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
            }
        },
        "delete_bucket_encryption",
    ),
    "lifecycle": (
        "get_bucket_lifecycle_configuration",
        "put_bucket_lifecycle_configuration",
        {
            "LifecycleConfiguration": {
                "Rules": [
                    {
                        "ID": "tidy up",
                        "Filter": {"Prefix": "tmp/"},
                        "Status": "Enabled",
                        "Expiration": {"Days": 3},
                    }
                ]
            }
        },
        "delete_bucket_lifecycle",
    ),
    "logging": (
        "get_bucket_logging",
        "put_bucket_logging",
        {"BucketLoggingStatus": {"LoggingEnabled": {"TargetBucket": "CONTAINER", "TargetPrefix": "log/"}}},
        None,
    ),
    "notification": (
        "get_bucket_notification_configuration",
        "put_bucket_notification_configuration",
        {"NotificationConfiguration": {"EventBridgeConfiguration": {}}},
        None,
    ),
    "object-lock": (
        "get_object_lock_configuration",
        "put_object_lock_configuration",
        {
            "ObjectLockConfiguration": {
                "ObjectLockEnabled": "Enabled",
                "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 2}},
            }
        },
        None,
    ),
    "ownership": (
        "get_bucket_ownership_controls",
        "put_bucket_ownership_controls",
        {"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]}},
        "delete_bucket_ownership_controls",
    ),
    "policy": (
        "get_bucket_policy",
        "put_bucket_policy",
        {"Policy": DOCUMENTS["policy"]},
        "delete_bucket_policy",
    ),
    "public-access-block": (
        "get_public_access_block",
        "put_public_access_block",
        {
            "PublicAccessBlockConfiguration": {
                "BlockPublicAcls": True,
                "IgnorePublicAcls": False,
                "BlockPublicPolicy": False,
                "RestrictPublicBuckets": False,
            }
        },
        "delete_public_access_block",
    ),
    "replication": (
        "get_bucket_replication",
        "put_bucket_replication",
        {
            "ReplicationConfiguration": {
                "Role": "arn:aws:iam::123456789012:role/r",
                "Rules": [
                    {
                        "ID": "all",
                        "Priority": 1,
                        "Filter": {"Prefix": ""},
                        "Status": "Enabled",
                        "DeleteMarkerReplication": {"Status": "Disabled"},
                        "Destination": {"Bucket": "arn:aws:s3:::CONTAINER"},
                    }
                ],
            }
        },
        "delete_bucket_replication",
    ),
    "request-payment": (
        "get_bucket_request_payment",
        "put_bucket_request_payment",
        {"RequestPaymentConfiguration": {"Payer": "Requester"}},
        None,
    ),
    "website": (
        "get_bucket_website",
        "put_bucket_website",
        {"WebsiteConfiguration": {"IndexDocument": {"Suffix": "index.html"}}},
        "delete_bucket_website",
    ),
}
NONES: dict[str, dict[str, Any]] = {
    "accelerate": {"AccelerateConfiguration": {"Status": "Suspended"}},
    "logging": {"BucketLoggingStatus": {}},
    "notification": {"NotificationConfiguration": {}},
    "object-lock": {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}},
    "request-payment": {"RequestPaymentConfiguration": {"Payer": "BucketOwner"}},
}


def document_cases() -> list[Case]:
    cases = [
        of_container(subresources.of_container(SITE, "get_setting", "GET", BUCKET, "acl"), "get_bucket_acl"),
        of_container(
            subresources.set_setting(SITE, BUCKET, SETTINGS["acl"], ACL),
            "put_bucket_acl",
            AccessControlPolicy={"Owner": {"ID": "1"}, "Grants": []},
        ),
    ]
    for name, (get, set_, content, delete) in CALLS.items():
        setting = SETTINGS[name]
        cases += [
            of_container(subresources.of_container(SITE, "get_setting", "GET", BUCKET, setting.subresource), get),
            of_container(subresources.set_setting(SITE, BUCKET, setting, DOCUMENTS[name]), set_, **content),
        ]
        if delete is not None:
            request = subresources.of_container(SITE, "delete_setting", "DELETE", BUCKET, setting.subresource)
            cases.append(of_container(request, delete))
        else:
            assert setting.none is not None
            cases.append(
                of_container(subresources.set_setting(SITE, BUCKET, setting, setting.none), set_, **NONES[name])
            )
    return cases


ACL = (
    '<AccessControlPolicy xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Owner><ID>1</ID></Owner>'
    "<AccessControlList/></AccessControlPolicy>"
)


@pytest.fixture(scope="module")
def client() -> Any:
    return new_client()


WITHOUT_DIGEST = {"create_container", "complete_upload"}

DOCUMENT_OF = {set_: name for name, (_, set_, _, _) in CALLS.items()}


def shown_by(case: Case) -> list[str]:
    """The operations whose request this is."""
    found = [*BY_CALL.get(case.call, ())]
    for name, value in case.arguments.items():
        found += BY_ARGUMENT.get((case.call, name), ())
        found += BY_ARGUMENT.get((case.call, name, str(value)), ())
    if case.call in DOCUMENT_OF:
        found += ["containers: documents", f"documents: {DOCUMENT_OF[case.call]}"]
    return found


CASES = [
    pytest.param(case, id=f"{number} {case.call}", marks=pytest.mark.verifies(*shown_by(case), on="model"))
    for number, case in enumerate([*OBJECTS, *UPLOADS, *CONTAINERS, *document_cases()], 1)
]


@pytest.mark.parametrize("case", CASES)
def test_a_request(client: Any, case: Case) -> None:
    ours, theirs = meanings(client, case)
    assert ours == theirs
    if is_document(case):
        assert "content-md5" in case.request.headers or case.request.operation in WITHOUT_DIGEST
