"""S3 as it should be, in memory: pure and small."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from tests.simulation.store import BUCKET, LIMITS, Reply, Store, Version, error, folded

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

    from tests.simulation.store import Asked, OnEffect

_MODIFIED = "Mon, 23 Nov 2026 12:00:00 GMT"
_ISO = "2026-11-23T12:00:00.000Z"
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(slots=True)
class OpenUpload:
    """An upload by parts that has been begun."""

    key: str
    metadata: Mapping[str, str]
    parts: dict[int, bytes] = field(default_factory=dict)
    is_aborted: bool = False
    aborted_at: int = -1


class S3Store(Store):
    """Objects and uploads by parts, with conditions, ranges, pages and checksums.

    Args:
        dice: Decides how long pages are.
        tells_checksums: Whether reads tell a CRC-32.
        parts_outlive_abort: A part that was on its way when its upload was aborted is stored all the same, as
            Amazon says it may be. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html
        completes_twice: Whether a second completion of an upload that is complete succeeds.
        completes_aborted: A completion that was on its way when its upload was aborted makes an object of what is
            left, as Swift, Ceph and SeaweedFS may.
        on_effect: Told of everything that takes effect.
    """

    hides_errors = True
    checksum_header = "x-amz-checksum-crc32"

    def __init__(
        self,
        dice: random.Random,
        *,
        tells_checksums: bool,
        parts_outlive_abort: bool,
        completes_twice: bool,
        completes_aborted: bool,
        on_effect: OnEffect,
    ) -> None:
        super().__init__(on_effect)
        self._dice = dice
        self._tells_checksums = tells_checksums
        self._parts_outlive_abort = parts_outlive_abort
        self._completes_twice = completes_twice
        self.completes_aborted = completes_aborted
        self._tokens = 0
        self._has_bucket = True
        self._objects: dict[str, Version] = {}
        self._uploads: dict[str, OpenUpload] = {}
        self._completed: dict[str, Reply] = {}

    def put(self, owner: int, key: str, data: bytes) -> None:
        """Have an object from now on."""
        self._put_version(owner, key, Version(data, hashlib.md5(data).hexdigest()))

    def delete(self, owner: int, key: str) -> None:
        """Have an object no more."""
        if self._objects.pop(key, None) is not None:
            self._has_become(owner, key, None)

    def has_bucket(self) -> bool:
        """Whether it is there still."""
        return self._has_bucket

    def open_uploads(self) -> list[str]:
        """The ids of the uploads that are neither completed nor aborted."""
        return [name for name, upload in self._uploads.items() if not upload.is_aborted]

    def corruptible(self, asked: Asked) -> range:
        """All of it."""
        return range(len(asked.body))

    def handle(self, asked: Asked) -> Reply:
        """What the service answers, and does."""
        split = urlsplit(asked.url)
        bucket, _, quoted = split.path[1:].partition("/")
        query = dict(parse_qsl(split.query, keep_blank_values=True))
        if bucket != BUCKET or not self._has_bucket:
            return error(404, "NoSuchBucket")
        if (refusal := _check_digests(asked)) is not None:
            return refusal
        if quoted:
            return self._object(asked, unquote(quoted), query)
        match asked.method:
            case "GET" if "uploads" in query:
                return self._list_uploads(query)
            case "GET":
                return self._list(query)
            case "POST" if "delete" in query:
                return self._delete_many(asked)
            case "HEAD":
                return Reply(status=200)
            case "DELETE" if self._objects:
                return error(409, "BucketNotEmpty")
            case "DELETE":
                self._has_bucket = False
                return Reply(status=204)
        return error(405, "MethodNotAllowed")

    def _object(self, asked: Asked, key: str, query: Mapping[str, str]) -> Reply:
        match asked.method:
            case "GET" if "uploadId" in query:
                return self._list_parts(query)
            case "GET" | "HEAD":
                return self._read(asked, key)
            case "PUT" if "uploadId" in query:
                return self._put_part(asked, query)
            case "PUT" if "x-amz-copy-source" in asked.headers:
                return self._copy(asked, key)
            case "PUT":
                return self._put(asked, key)
            case "POST" if "uploads" in query:
                name = f"u{len(self._uploads)}-{self._dice.randrange(1 << 30):x}"
                self._uploads[name] = OpenUpload(key, _metadata(asked))
                return _document("InitiateMultipartUploadResult", f"<UploadId>{name}</UploadId>", upload_id=name)
            case "POST":
                return self._complete(asked, key, query["uploadId"])
            case "DELETE" if "uploadId" in query:
                upload = self._upload(query)
                if upload is None:
                    return error(404, "NoSuchUpload")
                upload.is_aborted = True
                upload.aborted_at = self.tick
                upload.parts.clear()
                self.tick += 1
                return Reply(status=204)
            case "DELETE":
                self.delete(asked.owner, key)
                return Reply(status=204)
        return error(405, "MethodNotAllowed")

    def _put(self, asked: Asked, key: str) -> Reply:
        if (refusal := self._check_write(asked, key)) is not None:
            return refusal
        etag = hashlib.md5(asked.body).hexdigest()
        self._put_version(asked.owner, key, Version(asked.body, etag, _metadata(asked)))
        return Reply(status=200, headers={"etag": f'"{etag}"'})

    def _put_version(self, owner: int, key: str, version: Version) -> None:
        self._objects[key] = version
        self._has_become(owner, key, version)

    def _check_write(self, asked: Asked, key: str) -> Reply | None:
        there = self._objects.get(key)
        if "if-none-match" in asked.headers and there is not None:
            return error(412, "PreconditionFailed")
        wanted = asked.headers.get("if-match")
        if wanted is not None and there is None:
            return error(404, "NoSuchKey")
        if wanted is not None and there is not None and wanted != f'"{there.etag}"':
            return error(412, "PreconditionFailed")
        return None

    def _read(self, asked: Asked, key: str) -> Reply:
        version = self._objects.get(key)
        if version is None:
            return Reply(status=404) if asked.method == "HEAD" else error(404, "NoSuchKey")
        wanted = asked.headers.get("if-match")
        if wanted is not None and wanted != f'"{version.etag}"':
            return error(412, "PreconditionFailed")
        data = version.data
        headers = {"etag": f'"{version.etag}"', "last-modified": _MODIFIED, "content-type": "text/x"}
        headers.update(version.metadata)
        status = 200
        found = _RANGE.fullmatch(asked.headers.get("range", ""))
        if found is not None and asked.method == "GET":
            span = _span(found[1], found[2], len(data))
            if span is None:
                return error(416, "InvalidRange")
            start, stop = span
            headers["content-range"] = f"bytes {start}-{stop - 1}/{len(data)}"
            status, data = 206, data[start:stop]
        elif self._tells_checksums and "x-amz-checksum-mode" in asked.headers:
            headers["x-amz-checksum-crc32"] = _crc32(data)
            headers["x-amz-checksum-type"] = "FULL_OBJECT"
        headers["content-length"] = str(len(data))
        return Reply(status=status, headers=headers, body=b"" if asked.method == "HEAD" else data)

    def _copy(self, asked: Asked, key: str) -> Reply:
        source = self._source(asked)
        if source is None:
            return error(404, "NoSuchKey")
        if len(source.data) > LIMITS.max_copy_size_bytes:
            return error(400, "InvalidRequest")
        if (refusal := self._check_write(asked, key)) is not None:
            return refusal
        version = Version(source.data, hashlib.md5(source.data).hexdigest(), source.metadata)
        self._put_version(asked.owner, key, version)
        return _document(
            "CopyObjectResult", f"<ETag>&quot;{version.etag}&quot;</ETag><LastModified>{_ISO}</LastModified>"
        )

    def _source(self, asked: Asked) -> Version | None:
        _, _, key = unquote(asked.headers["x-amz-copy-source"]).removeprefix("/").partition("/")
        return self._objects.get(key)

    def _put_part(self, asked: Asked, query: Mapping[str, str]) -> Reply:
        upload = self._uploads.get(query["uploadId"])
        if upload is None or (
            upload.is_aborted and not (self._parts_outlive_abort and asked.sent_at <= upload.aborted_at)
        ):
            return error(404, "NoSuchUpload")
        data = asked.body
        is_copy = "x-amz-copy-source" in asked.headers
        if is_copy:
            source = self._source(asked)
            found = _RANGE.fullmatch(asked.headers["x-amz-copy-source-range"])
            if source is None or found is None:
                return error(404, "NoSuchKey")
            span = _span(found[1], found[2], len(source.data))
            if span is None or span[1] != int(found[2]) + 1:
                return error(416, "InvalidRange")
            data = source.data[span[0] : span[1]]
        number = int(query["partNumber"])
        if not 1 <= number <= LIMITS.max_parts or len(data) > LIMITS.max_part_size_bytes:
            return error(400, "InvalidArgument")
        upload.is_aborted = False
        upload.parts[number] = data
        etag = hashlib.md5(data).hexdigest()
        if is_copy:
            return _document("CopyPartResult", f"<ETag>&quot;{etag}&quot;</ETag>")
        return Reply(status=200, headers={"etag": f'"{etag}"'})

    def _complete(self, asked: Asked, key: str, name: str) -> Reply:
        if self._completes_twice and name in self._completed:
            return self._completed[name]
        upload = self._uploads.get(name)
        if upload is not None and upload.is_aborted and self.completes_aborted and asked.sent_at <= upload.aborted_at:
            self._put_version(asked.owner, key, Version(b"its parts are gone", "broken"))
        if upload is None or upload.is_aborted:
            return error(404, "NoSuchUpload")
        if (refusal := self._check_write(asked, key)) is not None:
            return refusal
        pieces: list[bytes] = []
        last = 0
        for part in _elements(asked.body, "Part"):
            number = int(part["PartNumber"])
            data = upload.parts.get(number)
            if data is None or part["ETag"].strip('"') != hashlib.md5(data).hexdigest():
                return error(400, "InvalidPart")
            if number <= last:
                return error(400, "InvalidPartOrder")
            last = number
            pieces.append(data)
        if not pieces:
            return error(400, "MalformedXML")
        if any(len(piece) < LIMITS.min_part_size_bytes for piece in pieces[:-1]):
            return error(400, "EntityTooSmall")
        whole = b"".join(pieces)
        if asked.headers.get("x-amz-checksum-crc32", _crc32(whole)) != _crc32(whole):
            return error(400, "BadDigest")
        if asked.headers.get("x-amz-mp-object-size", str(len(whole))) != str(len(whole)):
            return error(400, "InvalidRequest")
        digest = hashlib.md5(b"".join([hashlib.md5(piece).digest() for piece in pieces])).hexdigest()
        version = Version(whole, f"{digest}-{len(pieces)}", upload.metadata)
        self._put_version(asked.owner, key, version)
        del self._uploads[name]
        reply = _document("CompleteMultipartUploadResult", f"<ETag>&quot;{version.etag}&quot;</ETag>")
        self._completed[name] = reply
        return reply

    def _list_parts(self, query: Mapping[str, str]) -> Reply:
        upload = self._upload(query)
        if upload is None:
            return error(404, "NoSuchUpload")
        after = int(query.get("part-number-marker", 0))
        numbers = [number for number in sorted(upload.parts) if number > after]
        page = numbers[: LIMITS.max_page_size]
        items = "".join([
            f"<Part><PartNumber>{number}</PartNumber><Size>{len(upload.parts[number])}</Size>"
            f"<ETag>&quot;{hashlib.md5(upload.parts[number]).hexdigest()}&quot;</ETag></Part>"
            for number in page
        ])
        tail = "<IsTruncated>false</IsTruncated>"
        if len(page) < len(numbers):
            tail = f"<IsTruncated>true</IsTruncated><NextPartNumberMarker>{page[-1]}</NextPartNumberMarker>"
        return _document("ListPartsResult", items + tail)

    def _list_uploads(self, query: Mapping[str, str]) -> Reply:
        after = (query.get("key-marker", ""), query.get("upload-id-marker", ""))
        found = sorted((self._uploads[name].key, name) for name in self.open_uploads())
        wanted = [each for each in found if each[0].startswith(query.get("prefix", "")) and each > after]
        page = wanted[: LIMITS.max_page_size]
        items = "".join([
            f"<Upload><Key>{quote(key)}</Key><UploadId>{name}</UploadId><Initiated>{_ISO}</Initiated></Upload>"
            for key, name in page
        ])
        tail = "<IsTruncated>false</IsTruncated>"
        if len(page) < len(wanted):
            key, name = page[-1]
            tail = (
                f"<IsTruncated>true</IsTruncated><NextKeyMarker>{quote(key)}</NextKeyMarker>"
                f"<NextUploadIdMarker>{name}</NextUploadIdMarker>"
            )
        return _document("ListMultipartUploadsResult", f"<EncodingType>url</EncodingType>{items}{tail}")

    def _list(self, query: Mapping[str, str]) -> Reply:
        """ListObjectsV2; pages are as long as the dice want, and may be empty."""
        after = query.get("start-after", "")
        if "continuation-token" in query:
            after = bytes.fromhex(query["continuation-token"].partition("-")[2]).decode()
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        found: dict[str, Version | None] = {}
        for key in sorted(self._objects, key=str.encode):
            if not key.startswith(prefix):
                continue
            name = folded(key, prefix, delimiter)
            if name.encode() > after.encode():
                found.setdefault(name, None if name != key else self._objects[key])
        names = list(found)
        most = min(int(query.get("max-keys", 1000)), LIMITS.max_page_size)
        page = names[: self._dice.randint(0, most)] if len(names) > most or self._dice.random() < 0.2 else names
        items = ""
        for name in page:
            version = found[name]
            text = escape(quote(name))
            if version is None:
                items += f"<CommonPrefixes><Prefix>{text}</Prefix></CommonPrefixes>"
            else:
                items += (
                    f"<Contents><Key>{text}</Key><Size>{len(version.data)}</Size>"
                    f"<ETag>&quot;{version.etag}&quot;</ETag><LastModified>{_ISO}</LastModified></Contents>"
                )
        tail = "<IsTruncated>false</IsTruncated>"
        if len(page) < len(names):
            self._tokens += 1
            token = f"{self._tokens}-{(page[-1] if page else after).encode().hex()}"
            tail = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>"
        return _document("ListBucketResult", f"<EncodingType>url</EncodingType>{items}{tail}")

    def _delete_many(self, asked: Asked) -> Reply:
        items = ""
        for record in _elements(asked.body, "Object"):
            self.delete(asked.owner, record["Key"])
            items += f"<Deleted><Key>{escape(record['Key'])}</Key></Deleted>"
        return _document("DeleteResult", items)

    def _upload(self, query: Mapping[str, str]) -> OpenUpload | None:
        upload = self._uploads.get(query["uploadId"])
        return None if upload is None or upload.is_aborted else upload


def _span(first: str, last: str, size: int) -> tuple[int, int] | None:
    """A range as a half-open one, cut to the size; None where it has no byte."""
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
    return (start, stop) if start < stop else None


def _check_digests(asked: Asked) -> Reply | None:
    told = asked.headers.get("content-md5")
    if told is not None and told != base64.b64encode(hashlib.md5(asked.body).digest()).decode():
        return error(400, "BadDigest")
    told = asked.headers.get("x-amz-checksum-crc32")
    if told is not None and asked.method == "PUT" and told != _crc32(asked.body):
        return error(400, "BadDigest")
    told = asked.headers.get("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
    if told != "UNSIGNED-PAYLOAD" and told != hashlib.sha256(asked.body).hexdigest():
        return error(400, "XAmzContentSHA256Mismatch")
    return None


def _crc32(data: bytes) -> str:
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


def _elements(body: bytes, name: str) -> list[dict[str, str]]:
    """The elements of this name, as the texts in them."""
    return [
        {child.tag.rpartition("}")[2]: child.text or "" for child in element}
        for element in ElementTree.fromstring(body)
        if element.tag.rpartition("}")[2] == name
    ]


def _metadata(asked: Asked) -> Mapping[str, str]:
    return {name: value for name, value in asked.headers.items() if name.startswith("x-amz-meta-")}


def _document(root: str, content: str, upload_id: str | None = None) -> Reply:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>{content}</{root}>'.encode()
    return Reply(status=200, body=body, is_document=True, upload_id=upload_id)
