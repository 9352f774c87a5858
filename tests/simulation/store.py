"""S3 as it should be, in memory: pure, small, and with a memory of everything that ever took effect."""

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

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping

    from aiostorage.models import Limits

MODIFIED = "Mon, 23 Nov 2026 12:00:00 GMT"
_ISO = "2026-11-23T12:00:00.000Z"
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True, slots=True)
class Version:
    """A whole value that an object has, or had."""

    data: bytes
    etag: str


@dataclass(slots=True)
class OpenUpload:
    """An upload by parts that has been begun."""

    bucket: str
    key: str
    owner: int
    parts: dict[int, bytes] = field(default_factory=dict)
    is_aborted: bool = False
    aborted_at: int = -1


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as it arrives.

    Attributes:
        owner: The number of the operation that it belongs to.
        sent_at: The moment, by the store's count of effects, at which it was sent.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    owner: int
    sent_at: int


class Store:
    """Buckets, objects and uploads by parts, with conditions, ranges, pages and checksums.

    Args:
        dice: Decides how long pages are.
        limits: The numbers that it insists on.
        tells_checksums: Whether reads tell a CRC-32.
        parts_outlive_abort: A part that was on its way when its upload was aborted is stored all the same, as
            Amazon says it may be. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html
        completes_twice: Whether a second completion of an upload that is complete succeeds.
        on_effect: Told of the owner, bucket, key and new content (None for a deletion) of everything that
            takes effect.
    """

    def __init__(
        self,
        dice: random.Random,
        *,
        limits: Limits,
        tells_checksums: bool,
        parts_outlive_abort: bool,
        completes_twice: bool,
        on_effect: Callable[[int, str, str, bytes | None], None],
    ) -> None:
        self._dice = dice
        self._limits = limits
        self.tells_checksums = tells_checksums
        self._parts_outlive_abort = parts_outlive_abort
        self._completes_twice = completes_twice
        self._on_effect = on_effect
        self._tokens = 0
        self._completed: dict[str, Reply] = {}
        self.tick = 0
        self.buckets: dict[str, dict[str, Version]] = {}
        self.history: dict[tuple[str, str], list[tuple[int, Version | None]]] = {}
        self.uploads: dict[str, OpenUpload] = {}

    def put(self, owner: int, bucket: str, key: str, data: bytes, etag: str | None = None) -> Version:
        """Have an object from now on."""
        version = Version(data, etag or hashlib.md5(data).hexdigest())
        self._take_effect(owner, bucket, key, version)
        return version

    def delete(self, owner: int, bucket: str, key: str) -> None:
        """Have an object no more."""
        if key in self.buckets[bucket]:
            self._take_effect(owner, bucket, key, None)
        else:
            self._on_effect(owner, bucket, key, None)

    def open_uploads(self, bucket: str) -> dict[str, OpenUpload]:
        """The uploads that are neither completed nor aborted."""
        return {
            name: upload for name, upload in self.uploads.items() if upload.bucket == bucket and not upload.is_aborted
        }

    def handle(self, asked: Asked) -> Reply:
        """What the service answers, and does."""
        split = urlsplit(asked.url)
        bucket, slash, key = split.path[1:].partition("/")
        query = dict(parse_qsl(split.query, keep_blank_values=True))
        found = self.buckets.get(unquote(bucket))
        if found is None:
            return _error(404, "NoSuchBucket")
        if (refusal := _check_digests(asked)) is not None:
            return refusal
        bucket, key = unquote(bucket), unquote(key)
        if slash and key:
            return self._object(asked, bucket, key, query)
        match asked.method:
            case "GET" if "uploads" in query:
                return self._list_uploads(bucket, query)
            case "GET":
                return self._list(bucket, query)
            case "POST" if "delete" in query:
                return self._delete_many(asked, bucket)
            case "HEAD":
                return Reply(200)
            case "DELETE" if found:
                return _error(409, "BucketNotEmpty")
            case "DELETE":
                del self.buckets[bucket]
                return Reply(204)
        return _error(405, "MethodNotAllowed")

    def _object(self, asked: Asked, bucket: str, key: str, query: Mapping[str, str]) -> Reply:
        match asked.method:
            case "GET" if "uploadId" in query:
                return self._list_parts(query)
            case "GET" | "HEAD":
                return self._read(asked, bucket, key)
            case "PUT" if "uploadId" in query:
                return self._put_part(asked, query)
            case "PUT" if "x-amz-copy-source" in asked.headers:
                return self._copy(asked, bucket, key)
            case "PUT":
                return self._put(asked, bucket, key)
            case "POST" if "uploads" in query:
                name = f"u{len(self.uploads)}-{self._dice.randrange(1 << 30):x}"
                self.uploads[name] = OpenUpload(bucket, key, asked.owner)
                return _document("InitiateMultipartUploadResult", f"<UploadId>{name}</UploadId>", x_upload=name)
            case "POST":
                return self._complete(asked, bucket, key, query["uploadId"])
            case "DELETE" if "uploadId" in query:
                upload = self._upload(query)
                if upload is None:
                    return _error(404, "NoSuchUpload")
                upload.is_aborted = True
                upload.aborted_at = self.tick
                upload.parts.clear()
                self.tick += 1
                return Reply(204)
            case "DELETE":
                self.delete(asked.owner, bucket, key)
                return Reply(204)
        return _error(405, "MethodNotAllowed")

    def _put(self, asked: Asked, bucket: str, key: str) -> Reply:
        if (refusal := self._check_write(asked, bucket, key)) is not None:
            return refusal
        version = self.put(asked.owner, bucket, key, asked.body)
        return Reply(200, {"etag": f'"{version.etag}"'})

    def _check_write(self, asked: Asked, bucket: str, key: str) -> Reply | None:
        there = self.buckets[bucket].get(key)
        if "if-none-match" in asked.headers and there is not None:
            return _error(412, "PreconditionFailed")
        wanted = asked.headers.get("if-match")
        if wanted is not None and there is None:
            return _error(404, "NoSuchKey")
        if wanted is not None and there is not None and wanted != f'"{there.etag}"':
            return _error(412, "PreconditionFailed")
        return None

    def _read(self, asked: Asked, bucket: str, key: str) -> Reply:
        version = self.buckets[bucket].get(key)
        if version is None:
            return Reply(404) if asked.method == "HEAD" else _error(404, "NoSuchKey")
        wanted = asked.headers.get("if-match")
        if wanted is not None and wanted != f'"{version.etag}"':
            return _error(412, "PreconditionFailed")
        data = version.data
        headers = {"etag": f'"{version.etag}"', "last-modified": MODIFIED, "content-type": "text/x"}
        status = 200
        found = _RANGE.fullmatch(asked.headers.get("range", ""))
        if found is not None and asked.method == "GET":
            span = _span(found[1], found[2], len(data))
            if span is None:
                return _error(416, "InvalidRange")
            start, stop = span
            headers["content-range"] = f"bytes {start}-{stop - 1}/{len(data)}"
            status, data = 206, data[start:stop]
        elif self.tells_checksums and "x-amz-checksum-mode" in asked.headers:
            headers["x-amz-checksum-crc32"] = _crc32(data)
            headers["x-amz-checksum-type"] = "FULL_OBJECT"
        headers["content-length"] = str(len(data))
        return Reply(status, headers, b"" if asked.method == "HEAD" else data)

    def _copy(self, asked: Asked, bucket: str, key: str) -> Reply:
        source = self._source(asked)
        if source is None:
            return _error(404, "NoSuchKey")
        if len(source.data) > self._limits.max_copy_size_bytes:
            return _error(400, "InvalidRequest")
        if (refusal := self._check_write(asked, bucket, key)) is not None:
            return refusal
        version = self.put(asked.owner, bucket, key, source.data)
        return _document(
            "CopyObjectResult", f"<ETag>&quot;{version.etag}&quot;</ETag><LastModified>{_ISO}</LastModified>"
        )

    def _source(self, asked: Asked) -> Version | None:
        bucket, _, key = unquote(asked.headers["x-amz-copy-source"]).removeprefix("/").partition("/")
        return self.buckets.get(bucket, {}).get(key)

    def _put_part(self, asked: Asked, query: Mapping[str, str]) -> Reply:
        upload = self.uploads.get(query["uploadId"])
        if upload is None or (
            upload.is_aborted and not (self._parts_outlive_abort and asked.sent_at <= upload.aborted_at)
        ):
            return _error(404, "NoSuchUpload")
        data = asked.body
        is_copy = "x-amz-copy-source" in asked.headers
        if is_copy:
            source = self._source(asked)
            found = _RANGE.fullmatch(asked.headers["x-amz-copy-source-range"])
            if source is None or found is None:
                return _error(404, "NoSuchKey")
            span = _span(found[1], found[2], len(source.data))
            if span is None or span[1] != int(found[2]) + 1:
                return _error(416, "InvalidRange")
            data = source.data[span[0] : span[1]]
        number = int(query["partNumber"])
        if not 1 <= number <= self._limits.max_parts or len(data) > self._limits.max_part_size_bytes:
            return _error(400, "InvalidArgument")
        upload.is_aborted = False
        upload.parts[number] = data
        etag = hashlib.md5(data).hexdigest()
        if is_copy:
            return _document("CopyPartResult", f"<ETag>&quot;{etag}&quot;</ETag>")
        return Reply(200, {"etag": f'"{etag}"'})

    def _complete(self, asked: Asked, bucket: str, key: str, name: str) -> Reply:
        if self._completes_twice and name in self._completed:
            return self._completed[name]
        upload = self.uploads.get(name)
        if upload is None or upload.is_aborted:
            return _error(404, "NoSuchUpload")
        if (refusal := self._check_write(asked, bucket, key)) is not None:
            return refusal
        pieces: list[bytes] = []
        last = 0
        for part in _elements(asked.body, "Part"):
            number = int(part["PartNumber"])
            data = upload.parts.get(number)
            if data is None or part["ETag"].strip('"') != hashlib.md5(data).hexdigest():
                return _error(400, "InvalidPart")
            if number <= last:
                return _error(400, "InvalidPartOrder")
            last = number
            pieces.append(data)
        if not pieces:
            return _error(400, "MalformedXML")
        if any(len(piece) < self._limits.min_part_size_bytes for piece in pieces[:-1]):
            return _error(400, "EntityTooSmall")
        whole = b"".join(pieces)
        if asked.headers.get("x-amz-checksum-crc32", _crc32(whole)) != _crc32(whole):
            return _error(400, "BadDigest")
        if asked.headers.get("x-amz-mp-object-size", str(len(whole))) != str(len(whole)):
            return _error(400, "InvalidRequest")
        digest = hashlib.md5(b"".join([hashlib.md5(piece).digest() for piece in pieces])).hexdigest()
        version = self.put(asked.owner, bucket, key, whole, f"{digest}-{len(pieces)}")
        del self.uploads[name]
        reply = _document("CompleteMultipartUploadResult", f"<ETag>&quot;{version.etag}&quot;</ETag>")
        self._completed[name] = reply
        return reply

    def _list_parts(self, query: Mapping[str, str]) -> Reply:
        upload = self._upload(query)
        if upload is None:
            return _error(404, "NoSuchUpload")
        after = int(query.get("part-number-marker", 0))
        numbers = [number for number in sorted(upload.parts) if number > after]
        page = numbers[: self._limits.max_page_size]
        items = "".join([
            f"<Part><PartNumber>{number}</PartNumber><Size>{len(upload.parts[number])}</Size>"
            f"<ETag>&quot;{hashlib.md5(upload.parts[number]).hexdigest()}&quot;</ETag></Part>"
            for number in page
        ])
        tail = "<IsTruncated>false</IsTruncated>"
        if len(page) < len(numbers):
            tail = f"<IsTruncated>true</IsTruncated><NextPartNumberMarker>{page[-1]}</NextPartNumberMarker>"
        return _document("ListPartsResult", items + tail)

    def _list_uploads(self, bucket: str, query: Mapping[str, str]) -> Reply:
        after = (query.get("key-marker", ""), query.get("upload-id-marker", ""))
        found = sorted((upload.key, name) for name, upload in self.open_uploads(bucket).items())
        wanted = [each for each in found if each[0].startswith(query.get("prefix", "")) and each > after]
        page = wanted[: self._limits.max_page_size]
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

    def _list(self, bucket: str, query: Mapping[str, str]) -> Reply:
        """ListObjectsV2; pages are as long as the dice want, and may be empty."""
        after = query.get("start-after", "")
        if "continuation-token" in query:
            after = bytes.fromhex(query["continuation-token"].partition("-")[2]).decode()
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        found: dict[str, Version | None] = {}
        for key in sorted(self.buckets[bucket], key=str.encode):
            if not key.startswith(prefix):
                continue
            folded = _folded(key, prefix, delimiter)
            if folded.encode() > after.encode():
                found.setdefault(folded, None if folded != key else self.buckets[bucket][key])
        names = list(found)
        most = min(int(query.get("max-keys", 1000)), self._limits.max_page_size)
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

    def _delete_many(self, asked: Asked, bucket: str) -> Reply:
        items = ""
        for record in _elements(asked.body, "Object"):
            self.delete(asked.owner, bucket, record["Key"])
            items += f"<Deleted><Key>{escape(record['Key'])}</Key></Deleted>"
        return _document("DeleteResult", items)

    def _upload(self, query: Mapping[str, str]) -> OpenUpload | None:
        upload = self.uploads.get(query["uploadId"])
        return None if upload is None or upload.is_aborted else upload

    def _take_effect(self, owner: int, bucket: str, key: str, version: Version | None) -> None:
        self.tick += 1
        if version is None:
            del self.buckets[bucket][key]
        else:
            self.buckets[bucket][key] = version
        self.history.setdefault((bucket, key), [(0, None)]).append((self.tick, version))
        self._on_effect(owner, bucket, key, None if version is None else version.data)


def _span(first: str, last: str, size: int) -> tuple[int, int] | None:
    """A range as a half-open one, cut to the size; None where it has no byte."""
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
    return (start, stop) if start < stop else None


def _folded(key: str, prefix: str, delimiter: str) -> str:
    end = key.find(delimiter, len(prefix)) if delimiter else -1
    return key if end < 0 else key[: end + len(delimiter)]


def _check_digests(asked: Asked) -> Reply | None:
    told = asked.headers.get("content-md5")
    if told is not None and told != base64.b64encode(hashlib.md5(asked.body).digest()).decode():
        return _error(400, "BadDigest")
    told = asked.headers.get("x-amz-checksum-crc32")
    if told is not None and asked.method == "PUT" and told != _crc32(asked.body):
        return _error(400, "BadDigest")
    told = asked.headers.get("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
    if told != "UNSIGNED-PAYLOAD" and told != hashlib.sha256(asked.body).hexdigest():
        return _error(400, "XAmzContentSHA256Mismatch")
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


def _document(root: str, content: str, **headers: str) -> Reply:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>{content}</{root}>'.encode()
    return Reply(200, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def _error(status: int, code: str) -> Reply:
    return Reply(status, {}, f"<Error><Code>{code}</Code><Message>made up</Message></Error>".encode())
