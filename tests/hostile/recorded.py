"""One answer of each kind as a service gives it, and the function that reads it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aiostorage._http.messages import Request, Response
from aiostorage.models import ByteRange, ListQuery, ObjectHash, ObjectRef, Part, ReadOptions, Upload, WriteOptions
from aiostorage.providers.azure import batch
from aiostorage.providers.azure import errors as azure_errors
from aiostorage.providers.azure import responses as azure
from aiostorage.providers.azure.requests import Batch
from aiostorage.providers.gcs import errors as gcs_errors
from aiostorage.providers.gcs import responses as gcs
from aiostorage.providers.gcs import resumable
from aiostorage.providers.gcs import uploads as gcs_uploads
from aiostorage.providers.s3 import errors as s3_errors
from aiostorage.providers.s3 import express, subresources
from aiostorage.providers.s3 import responses as s3
from aiostorage.providers.s3 import upload_responses as s3_uploads
from aiostorage.providers.s3.profiles import AWS, CEPH
from aiostorage.providers.s3.settings import SETTINGS
from aiostorage.providers.swift import cluster
from aiostorage.providers.swift import errors as swift_errors
from aiostorage.providers.swift import responses as swift
from aiostorage.providers.swift.identity import Choice, Keystone2, Keystone3, Named, TempAuth

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MD5 = "0123456789abcdef0123456789abcdef"
MD5_BASE64 = "ASNFZ4mrze8BI0VniavN7w=="
DATE = "Wed, 21 Oct 2015 07:28:00 GMT"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
UPLOAD = Upload(container="box", key="k", upload_id="0" * 32, checksum="crc32")
REFS = [ObjectRef(container="box", key="a"), ObjectRef(container="box", key="b", version_id="7")]
PARTS = [Part(number=1, offset=0, size=5, etag=MD5, checksum=ObjectHash(algorithm="crc32", value="00000001"))]
QUERY = ListQuery(delimiter="/", start_after="0")
VERSIONS = ListQuery(versions=True)
PLAIN = WriteOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An answer, and what reads it: both the parser, and before it the one that looks for errors."""

    name: str
    operation: str
    read: Callable[[Request, Response], object]
    read_error: Callable[[Request, Response], object]
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    request_headers: Mapping[str, str] = field(default_factory=dict)

    def request(self) -> Request:
        inner = [
            Request(operation="delete_objects", method="DELETE", url="http://x/box/a", container="box", key="a")
        ] * 2
        kind = Batch if self.name == "azure batch" else Request
        more = {"inner": inner} if kind is Batch else {}
        return kind(
            operation=self.operation, method="GET", url="http://x/box/k", container="box", key="k",
            headers=self.request_headers, **more,  # type: ignore[arg-type]  # only a batch has requests in it
        )  # fmt: skip


def _xml(text: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _multipart(*answers: str) -> bytes:
    parts = [
        f"--b\r\nContent-Type: application/http\r\nContent-ID: {number}\r\n\r\n{answer}\r\n"
        for number, answer in enumerate(answers)
    ]
    return ("".join(parts) + "--b--\r\n").encode()


S3_HEAD = {
    "etag": f'"{MD5}"', "content-length": "5", "content-type": "text/plain", "last-modified": DATE,
    "x-amz-meta-a": "=?utf-8?B?w6k=?=", "x-amz-version-id": "v", "x-amz-checksum-crc32": "AAAAAQ==",
    "x-amz-object-lock-mode": "GOVERNANCE", "x-amz-object-lock-retain-until-date": "2030-01-01T00:00:00Z",
    "x-amz-object-lock-legal-hold": "ON", "x-amz-tagging-count": "2", "x-amz-mp-parts-count": "3",
    "x-amz-server-side-encryption": "AES256", "x-amz-request-id": "R", "date": DATE,
}  # fmt: skip
S3_ERROR = _xml("<Error><Code>NoSuchKey</Code><Message>No.</Message><RequestId>R</RequestId><Region>x</Region></Error>")


def _s3(
    name: str, operation: str, read: Callable[[Request, Response], object], body: str = "", **more: object
) -> Recorded:
    return Recorded(
        name=f"s3 {name}", operation=operation, read=read, read_error=s3_errors.read_error,
        body=_xml(body) if body else b"", **{"headers": S3_HEAD, **more},  # type: ignore[arg-type]  # by field
    )  # fmt: skip


_CONTENTS = (
    f"<Contents><Key>a%2Fb</Key><LastModified>2026-11-23T05:47:19.000Z</LastModified><ETag>&quot;{MD5}&quot;</ETag>"
    "<Size>5</Size><StorageClass>STANDARD</StorageClass><Owner><ID>1</ID></Owner></Contents>"
)
S3 = [
    _s3("list_containers", "list_containers", lambda q, r: s3.list_containers(q, r, prefix="b"),
        "<ListAllMyBucketsResult><Buckets><Bucket><Name>box</Name><CreationDate>2026-11-23T05:47:19Z</CreationDate>"
        "</Bucket></Buckets><ContinuationToken>t</ContinuationToken></ListAllMyBucketsResult>"),
    _s3("container_info", "head_container", lambda _, r: s3.container_info("box", r.headers),
        headers={"x-rgw-object-count": "5", "x-amz-bucket-region": "eu-west-1"}),
    _s3("object_info", "head_object", lambda _, r: s3.object_info("k", r.headers, AWS)),
    _s3("get_object", "get_object", lambda q, r: s3.get_object(q, r.status, r.headers, ReadOptions(byte_range=ByteRange(1, 3)), AWS),
        status=206, headers={**S3_HEAD, "content-length": "2", "content-range": "bytes 1-2/5"}),
    _s3("get part", "get_object", lambda q, r: s3.get_object(q, r.status, r.headers, ReadOptions(part_number=1), CEPH),
        status=206, headers={**S3_HEAD, "content-range": "bytes 0-4/50"}),
    _s3("put_object", "put_object", lambda q, r: s3.put_object(q, r, PLAIN, AWS, computed=None)),
    _s3("copy_object", "copy_object", lambda q, r: s3.copy_object(q, r, None, AWS),
        f"<CopyObjectResult><ETag>{MD5}</ETag><LastModified>2026-11-23T05:47:19.000Z</LastModified></CopyObjectResult>"),
    _s3("list_objects", "list_objects", lambda q, r: s3.list_objects(q, r, QUERY, AWS),
        "<ListBucketResult><IsTruncated>true</IsTruncated><EncodingType>url</EncodingType><NextContinuationToken>t"
        f"</NextContinuationToken>{_CONTENTS}<CommonPrefixes><Prefix>p%2F</Prefix></CommonPrefixes></ListBucketResult>"),
    _s3("list_objects of old", "list_objects", lambda q, r: s3.list_objects(q, r, QUERY, CEPH),
        f"<ListBucketResult><IsTruncated>true</IsTruncated><NextMarker>a/b</NextMarker>{_CONTENTS}</ListBucketResult>"),
    _s3("versions", "list_objects", lambda q, r: s3.list_objects(q, r, VERSIONS, AWS),
        "<ListVersionsResult><IsTruncated>true</IsTruncated><NextKeyMarker>a/b</NextKeyMarker><NextVersionIdMarker>v"
        "</NextVersionIdMarker><DeleteMarker><Key>k</Key><VersionId>v</VersionId><IsLatest>true</IsLatest></DeleteMarker>"
        "<Version><Key>k</Key><Size>7</Size><VersionId>w</VersionId></Version></ListVersionsResult>"),
    _s3("delete_objects", "delete_objects", lambda q, r: s3.delete_objects(q, r, REFS),
        "<DeleteResult><Deleted><Key>a</Key></Deleted><Error><Key>b</Key><VersionId>7</VersionId><Code>AccessDenied</Code>"
        "<Message>No.</Message></Error></DeleteResult>"),
    _s3("create_upload", "create_upload", lambda q, r: s3_uploads.create_upload(q, r, PLAIN, checksum="crc32"),
        "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"),
    _s3("upload_part", "upload_part", lambda q, r: s3_uploads.upload_part(q, r, 1, 0, computed=None)),
    _s3("copy_part", "copy_part", lambda q, r: s3_uploads.copy_part(q, r, UPLOAD, 1, ByteRange(0, 5)),
        f"<CopyPartResult><ETag>{MD5}</ETag><ChecksumCRC32>AAAAAQ==</ChecksumCRC32></CopyPartResult>"),
    _s3("complete_upload", "complete_upload",
        lambda q, r: s3_uploads.complete_upload(q, r, PARTS, PLAIN, checksum=PARTS[0].checksum),
        "<CompleteMultipartUploadResult><ETag>x-1</ETag><ChecksumCRC32>AAAAAQ==</ChecksumCRC32><ChecksumType>FULL_OBJECT"
        "</ChecksumType></CompleteMultipartUploadResult>"),
    _s3("list_uploads", "list_uploads", lambda q, r: s3_uploads.list_uploads(q, r, AWS),
        "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker><EncodingType>url"
        "</EncodingType><NextUploadIdMarker>u</NextUploadIdMarker><Upload><Key>k</Key><UploadId>u</UploadId><Initiated>"
        "2026-11-23T05:47:19Z</Initiated><ChecksumAlgorithm>CRC32</ChecksumAlgorithm></Upload></ListMultipartUploadsResult>"),
    _s3("list_parts", "list_parts", lambda q, r: s3_uploads.list_parts(q, r, UPLOAD),
        "<ListPartsResult><IsTruncated>true</IsTruncated><NextPartNumberMarker>1</NextPartNumberMarker><Part><PartNumber>1"
        f"</PartNumber><Size>5</Size><ETag>{MD5}</ETag><ChecksumCRC32>AAAAAQ==</ChecksumCRC32></Part></ListPartsResult>"),
    _s3("tags", "get_tags", subresources.tags,
        "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"),
    _s3("versioning", "get_versioning", subresources.versioning,
        "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"),
    _s3("setting", "get_setting", lambda q, r: subresources.setting_text(q, r, SETTINGS["cors"]),
        "<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>"),
    _s3("session", "create_session", lambda q, r: express.session_credentials(q, r, NOW),
        "<CreateSessionResult><Credentials><SessionToken>t</SessionToken><SecretAccessKey>s</SecretAccessKey><AccessKeyId>a"
        "</AccessKeyId><Expiration>2026-11-23T05:47:19Z</Expiration></Credentials></CreateSessionResult>"),
    Recorded(name="s3 error", operation="get_object", read=lambda q, r: s3_errors.named_region(r), status=404,
             read_error=s3_errors.read_error, body=S3_ERROR, headers=S3_HEAD),
    Recorded(name="s3 error in a 200", operation="complete_upload", read=s3_errors.read_error, status=200,
             read_error=s3_errors.read_error, body=S3_ERROR, headers=S3_HEAD),
]  # fmt: skip

GCS_OBJECT = {
    "name": "k", "generation": "17", "metageneration": "1", "etag": "CAE=", "size": "5", "md5Hash": MD5_BASE64,
    "crc32c": "AAAAAQ==", "contentType": "text/plain", "metadata": {"a": "=?utf-8?B?w6k=?="}, "storageClass": "STANDARD",
    "updated": "2026-11-23T05:47:19.000Z", "kmsKeyName": "projects/p/cryptoKeys/k/cryptoKeyVersions/1",
    "retention": {"mode": "Locked", "retainUntilTime": "2030-01-01T00:00:00Z"}, "temporaryHold": True,
    "componentCount": 3, "timeDeleted": "2026-11-23T05:47:19.000Z", "customTime": "2026-11-23T05:47:19.000Z",
}  # fmt: skip
GCS_BUCKET = {"name": "box", "timeCreated": "2026-11-23T05:47:19.000Z", "location": "EU", "storageClass": "STANDARD"}
GCS_HEAD = {
    "x-goog-generation": "17", "x-goog-metageneration": "1", "content-length": "5", "last-modified": DATE,
    "x-goog-hash": f"crc32c=AAAAAQ==, md5={MD5_BASE64}", "x-goog-meta-a": "b", "content-type": "text/plain",
    "x-goog-encryption-kms-key-name": "k/cryptoKeyVersions/1", "x-guploader-uploadid": "R", "etag": '"e"',
    "content-range": "bytes 1-2/5",
}  # fmt: skip
GCS_ERROR = _json({"error": {"code": 404, "message": "No such object: box/k", "errors": [{"reason": "notFound"}]}})
SITE = object()


def _gcs(
    name: str, operation: str, read: Callable[[Request, Response], object], body: object = "", **more: object
) -> Recorded:
    encoded = body if isinstance(body, bytes) else _json(body)
    return Recorded(
        name=f"gcs {name}", operation=operation, read=read, read_error=gcs_errors.read_error, body=encoded,
        **{"headers": GCS_HEAD, **more},  # type: ignore[arg-type]  # by field
    )  # fmt: skip


GCS = [
    _gcs("container_info", "head_container", gcs.container_info, GCS_BUCKET),
    _gcs("list_containers", "list_containers", gcs.list_containers, {"items": [GCS_BUCKET], "nextPageToken": "t"}),
    _gcs("object_info", "head_object", gcs.object_info, GCS_OBJECT),
    _gcs("get_object", "get_object", lambda q, r: gcs.get_object(q, r.status, r.headers, ByteRange(1, 3)),
         status=206, headers={**GCS_HEAD, "content-length": "2"}),
    _gcs("copy_object", "copy_object", gcs.copy_object, {"done": True, "resource": GCS_OBJECT}),
    _gcs("rewrite", "copy_object", gcs.copy_object, {"done": False, "rewriteToken": "t"}),
    _gcs("list_objects", "list_objects", lambda q, r: gcs.list_objects(q, r).page(QUERY),
         {"items": [GCS_OBJECT, GCS_OBJECT], "prefixes": ["p/"], "nextPageToken": "t"}),
    _gcs("versions", "list_objects", lambda q, r: gcs.list_objects(q, r).page(VERSIONS),
         {"items": [GCS_OBJECT, {**GCS_OBJECT, "name": "z"}], "nextPageToken": "t"}),
    _gcs("delete_objects", "delete_objects", lambda q, r: gcs.delete_objects(q, r, REFS),
         _multipart("HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\n{}").replace(
             b"Content-ID: ", b"Content-ID: response-"), headers={"content-type": "multipart/mixed; boundary=b"}),
    _gcs("created_upload", "create_upload", lambda q, r: gcs_uploads.created_upload(q, r, PLAIN),
         _xml("<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")),
    _gcs("uploaded_part", "upload_part", lambda q, r: gcs_uploads.uploaded_part(q, r, 1, 0)),
    _gcs("completed_upload", "complete_upload", lambda q, r: gcs_uploads.completed_upload(q, r, PARTS, PLAIN),
         _xml("<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>")),
    _gcs("listed_uploads", "list_uploads", gcs_uploads.listed_uploads,
         _xml("<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker><Upload><Key>k"
              "</Key><UploadId>u</UploadId><Initiated>2026-11-23T05:47:19Z</Initiated></Upload></ListMultipartUploadsResult>")),
    _gcs("listed_parts", "list_parts", gcs_uploads.listed_parts,
         _xml("<ListPartsResult><IsTruncated>true</IsTruncated><NextPartNumberMarker>1</NextPartNumberMarker><Part>"
              "<PartNumber>1</PartNumber><Size>5</Size><ETag>e</ETag></Part></ListPartsResult>")),
    _gcs("progress", "resume_upload", resumable.progress, status=308, headers={"range": "bytes=0-262143"}),
    _gcs("finished", "resume_upload", resumable.progress, GCS_OBJECT),
    Recorded(name="gcs error", operation="get_object", read=gcs_errors.read_error, status=404, headers=GCS_HEAD,
             read_error=gcs_errors.read_error, body=GCS_ERROR),
    Recorded(name="gcs error in XML", operation="upload_part", read=gcs_errors.read_error, status=400, headers=GCS_HEAD,
             read_error=gcs_errors.read_error, body=S3_ERROR),
]  # fmt: skip

AZURE_HEAD = {
    "etag": '"0x8D"', "content-length": "5", "last-modified": DATE, "content-md5": MD5_BASE64, "x-ms-meta-a_x002d_b": "c",
    "x-ms-tag-count": "2", "x-ms-immutability-policy-until-date": DATE, "x-ms-immutability-policy-mode": "locked",
    "x-ms-legal-hold": "true", "x-ms-access-tier": "Hot", "x-ms-version-id": "v", "x-ms-request-id": "R",
    "x-ms-server-encrypted": "true", "x-ms-copy-status": "success",
}  # fmt: skip
_BLOB = (
    "<Blob><Name Encoded=\"true\">a%2Fb</Name><Snapshot>2026</Snapshot><Properties><Last-Modified>" + DATE
    + f"</Last-Modified><Etag>0x8D</Etag><Content-Length>5</Content-Length><Content-MD5>{MD5_BASE64}</Content-MD5>"
    "<BlobType>BlockBlob</BlobType></Properties></Blob>"
)  # fmt: skip
_BLOBS = (
    f"<EnumerationResults><Blobs>{_BLOB}<BlobPrefix><Name>p/</Name></BlobPrefix></Blobs><NextMarker>m</NextMarker>"
    "</EnumerationResults>"
)


def _azure(
    name: str, operation: str, read: Callable[[Request, Response], object], body: str | bytes = "", **more: object
) -> Recorded:
    return Recorded(
        name=f"azure {name}", operation=operation, read=read, read_error=azure_errors.read_error,
        body=body if isinstance(body, bytes) else _xml(body) if body else b"",
        **{"headers": AZURE_HEAD, **more},  # type: ignore[arg-type]  # by field
    )  # fmt: skip


AZURE = [
    _azure("list_containers", "list_containers", azure.list_containers,
           "<EnumerationResults><Containers><Container><Name>box</Name><Properties><PublicAccess>blob</PublicAccess>"
           "</Properties></Container></Containers><NextMarker>m</NextMarker></EnumerationResults>"),
    _azure("container_info", "head_container", lambda _, r: azure.container_info("box", r.headers)),
    _azure("object_info", "head_object", lambda _, r: azure.object_info("k", r.headers)),
    _azure("get_object", "get_object", lambda q, r: azure.get_object(q, r.status, r.headers, ByteRange(1, 3)),
           status=206, headers={**AZURE_HEAD, "content-length": "2", "content-range": "bytes 1-2/5"}),
    _azure("written", "put_object", lambda q, r: azure.written(q, r.headers, PLAIN, size=5, object_hash=None)),
    _azure("tags", "get_tags", azure.tags,
           "<Tags><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tags>"),
    _azure("copy_object", "copy_object", azure.copy_object),
    _azure("list_objects", "list_objects", lambda q, r: azure.list_objects(q, r, QUERY), _BLOBS),
    _azure("list_snapshots", "list_objects", azure.list_snapshots, _BLOBS),
    _azure("is_empty", "delete_container", azure.is_empty, _BLOBS),
    _azure("list_unwritten", "list_uploads", azure.list_unwritten, _BLOBS),
    _azure("list_blocks", "list_parts", lambda q, r: azure.list_parts(azure.list_blocks(q, r), UPLOAD.upload_id),
           "<BlockList><CommittedBlocks/><UncommittedBlocks><Block><Name>MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAtMDAwMDAx"
           "</Name><Size>5</Size></Block></UncommittedBlocks></BlockList>"),
    _azure("delegation_key", "presign", azure.delegation_key,
           "<UserDelegationKey><SignedOid>o</SignedOid><SignedTid>t</SignedTid><SignedStart>2026-11-23T05:47:19Z"
           "</SignedStart><SignedExpiry>2026-11-24T05:47:19Z</SignedExpiry><SignedService>b</SignedService>"
           f"<SignedVersion>2026</SignedVersion><Value>{MD5_BASE64}</Value></UserDelegationKey>"),
    _azure("batch", "delete_objects", lambda q, r: batch.read(q, r, REFS),  # type: ignore[arg-type]  # it is one
           _multipart("HTTP/1.1 202 Accepted\r\n\r\n", "HTTP/1.1 404 No\r\nx-ms-error-code: BlobNotFound\r\n\r\n"),
           headers={"content-type": "multipart/mixed; boundary=b"}),
    Recorded(name="azure error", operation="get_object", read=azure_errors.read_error, status=404, headers=AZURE_HEAD,
             read_error=azure_errors.read_error, body=S3_ERROR),
]  # fmt: skip

SWIFT_HEAD = {
    "etag": MD5, "content-length": "5", "last-modified": DATE, "content-type": "text/plain", "x-object-meta-a": "b",
    "x-trans-id": "R", "x-static-large-object": "true", "x-object-version-id": "v",
    "x-container-object-count": "5", "x-timestamp": "1795422281.45538", "x-container-bytes-used": "7",
}  # fmt: skip
_ENTRY = {
    "name": "a",
    "bytes": 5,
    "hash": MD5,
    "last_modified": "2026-11-23T05:47:19.000000",
    "content_type": "text/plain",
}
_SEGMENT = {**_ENTRY, "name": f"k/slo/1795422281.455380-{MD5[:16]}/00000001", "slo_etag": MD5, "version_id": "v"}


def _swift(
    name: str, operation: str, read: Callable[[Request, Response], object], body: object = "", **more: object
) -> Recorded:
    return Recorded(
        name=f"swift {name}", operation=operation, read=read, read_error=swift_errors.read_error, body=_json(body),
        **{"headers": SWIFT_HEAD, "request_headers": {"accept": "application/json"}, **more},  # type: ignore[arg-type]
    )  # fmt: skip


_CATALOG = [{"type": "object-store", "endpoints": [
    {"interface": "public", "region": "r", "url": "http://x/v1/A", "publicURL": "http://x/v1/A"}]}]  # fmt: skip
SWIFT = [
    _swift("list_containers", "list_containers", swift.list_containers, [{"name": "box", "count": 5, "bytes": 7}]),
    _swift("container_info", "head_container", lambda _, r: swift.container_info("box", r.headers)),
    _swift("object_info", "head_object", lambda _, r: swift.object_info("k", r.headers)),
    _swift("get_object", "get_object", lambda q, r: swift.get_object(q, r.status, r.headers, ByteRange(1, 3)),
           status=206, headers={**SWIFT_HEAD, "content-length": "2", "content-range": "bytes 1-2/5"}),
    _swift("written", "put_object", lambda q, r: swift.written(q, r, PLAIN, size=5)),
    _swift("list_objects", "list_objects", lambda q, r: swift.list_objects(q, r, QUERY, 2), [_ENTRY, {"subdir": "p/"}]),
    _swift("versions", "list_objects", lambda q, r: swift.list_objects(q, r, VERSIONS, 1, tells_sizes=False), [_SEGMENT]),
    _swift("large_keys", "delete_objects", swift.large_keys, [_ENTRY, _SEGMENT]),
    _swift("delete_objects", "delete_objects", lambda q, r: swift.delete_objects(q, r, REFS),
           {"Number Deleted": 1, "Number Not Found": 0, "Errors": [["/box/b", "403 Forbidden"]], "Response Status": "200 OK"}),
    _swift("upload_part", "upload_part", lambda q, r: swift.upload_part(q, r, 1, 0, size=5, checksum=None)),
    _swift("complete_upload", "complete_upload",
           lambda q, r: swift.complete_upload(q, r, PARTS, PLAIN, object_hash=None),
           {"Response Status": "201 Created", "Etag": f'"{MD5}"', "Errors": []}, status=202),
    _swift("segments", "list_parts", swift.segments, [_SEGMENT]),
    _swift("manifest", "get_object", swift.manifest, [{"name": "/box/s", "hash": MD5, "bytes": 5}]),
    _swift("info", "info", lambda _, r: cluster.read_info(r.body),
           {"swift": {"max_file_size": 5, "container_listing_limit": 10}, "slo": {"max_manifest_segments": 5},
            "bulk_delete": {"max_deletes_per_request": 7}, "tempurl": {"allowed_digests": ["sha1"]}}),
    _swift("login", "authenticate", lambda _, r: TempAuth(url="http://x", user="u", key="k").read(r, Choice(), NOW),
           headers={"x-auth-token": "t", "x-storage-url": "http://x/v1/A", "x-auth-token-expires": "3600"}),
    _swift("keystone 2", "authenticate",
           lambda _, r: Keystone2(url="http://x", secret="s", tenant=Named(name="t")).read(r, Choice(), NOW),
           {"access": {"token": {"id": "t", "expires": "2026-11-23T05:47:19Z"}, "serviceCatalog": _CATALOG}}),
    _swift("keystone 3", "authenticate", lambda _, r: Keystone3(url="http://x", secret="s").read(r, Choice(region="r"), NOW),
           {"token": {"expires_at": "2026-11-23T05:47:19Z", "catalog": _CATALOG}}, headers={"x-subject-token": "t"}),
    Recorded(name="swift error", operation="get_object", read=swift_errors.read_error, status=404, headers=SWIFT_HEAD,
             read_error=swift_errors.read_error, body=b"<html><h1>Not Found</h1></html>"),
]  # fmt: skip

ALL = [*S3, *GCS, *AZURE, *SWIFT]
