"""What a hostile server may answer, whatever it was asked."""

from __future__ import annotations

import gzip
import itertools
from typing import TYPE_CHECKING

from tests.scripted import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.scripted import Seen

MIB = 1024 * 1024

_LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
_BILLION = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "lol">{_LAUGHS}]><ListBucketResult>&l11;</ListBucketResult>'
_OUTSIDE = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><Error><Code>&f;</Code></Error>'


def xml(body: bytes, status: int = 200) -> Answer:
    return Answer(status=status, headers={"Content-Type": "application/xml", "ETag": '"e"'}, body=body)


def as_json(body: bytes, status: int = 200) -> Answer:
    return Answer(status=status, headers={"Content-Type": "application/json", "ETag": '"e"'}, body=body)


def _for_ever(piece: bytes) -> Iterator[bytes]:
    return itertools.repeat(piece, 2048 * MIB // len(piece))  # bounded, for the case that it is read to the end


def _chunk(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


_CHUNKED = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nETag: "e"\r\n\r\n'


def page(seen: Seen) -> Answer:
    return Answer(headers={"Content-Type": "text/html"}, body=b"<html><body>Please log in</body></html>")


def redirect(status: int) -> Callable[[Seen], Answer]:
    def answer(_: Seen) -> Answer:
        target = "http://169.254.169.254/latest/meta-data/"
        headers = {"Location": target, "x-amz-bucket-region": "x.evil.example/#", "x-ms-copy-status": "pending"}
        return Answer(status=status, headers=headers, body=f"<Error><Endpoint>{target}</Endpoint></Error>".encode())

    return answer


def head(**headers: str) -> Callable[[Seen], Answer]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: Answer(
        headers={"ETag": '"e"', "Content-Type": "application/octet-stream", **named}, body=b"content"
    )


def raw(content: bytes, then: str = "close") -> Callable[[Seen], Answer]:
    return lambda _: Answer(raw=content, then=then)


def always(answer: Answer) -> Callable[[Seen], Answer]:
    return lambda _: answer


LARGE: dict[str, Callable[[Seen], Answer]] = {
    "XML that is deep": always(xml(b"<a>" * 200_000)),
    "XML with a long tag": always(xml(b"<a " + b"".join(b"a%d='' " % n for n in range(200_000)) + b"/>")),
    "XML with a long text": always(xml(b"<a><b>" + b"x\n" * (2 * MIB) + b"</b></a>")),
    "XML of no characters": always(xml(b"<a><b>" + b"\x01" * (2 * MIB) + b"</b></a>")),
    "XML of many elements": always(xml(b"<ListBucketResult>" + b"<a><b/></a>" * 300_000 + b"</ListBucketResult>")),
    "JSON that is deep": always(as_json(b"[" * 500_000)),
    "JSON objects that are deep": always(as_json(b'{"a":' * 500_000)),
    "JSON of many values": always(as_json(b'{"items":[' + b"{}," * 700_000 + b"{}]}")),
    "a long document": lambda _: Answer(headers={"Content-Length": str(2048 * MIB)}, more=_for_ever(b"x" * MIB), then="close"),
    "chunks for ever": lambda _: Answer(raw=_CHUNKED, more=_for_ever(_chunk(b"x" * MIB)), then="close"),
    "an error for ever": lambda _: Answer(status=500, headers={"Content-Length": str(2048 * MIB)},
                                          more=_for_ever(b"x" * MIB), then="close"),
    "an error in chunks for ever": lambda _: Answer(raw=_CHUNKED.replace(b"200", b"404"), more=_for_ever(_chunk(b"x" * MIB)), then="close"),
    "a range in chunks for ever": lambda seen: Answer(
        raw=_CHUNKED.replace(b"200", b"206").replace(b"\r\n\r\n", b"\r\nContent-Range: bytes %d-8/9\r\n\r\n" % (2 if "bytes=2-" in str(seen.headers) else 0)),
        more=_for_ever(_chunk(b"x" * MIB)), then="close"),
    "a header without end": lambda _: Answer(raw=b"HTTP/1.1 200 OK\r\nx: ", more=_for_ever(b"y" * MIB), then="close"),
    "headers for ever": lambda _: Answer(raw=b"HTTP/1.1 200 OK\r\n", more=(b"x-%d: y\r\n" % n * 1000 for n in range(100_000)), then="close"),
    "a batch of many": always(Answer(headers={"Content-Type": "multipart/mixed; boundary=b"}, body=b"--b\n" * (2 * MIB))),
    "a batch with a long head": always(Answer(headers={"Content-Type": "multipart/mixed; boundary=b"},
                                              body=b"--b\n" + b"a:\n" * MIB + b"--b--")),
    "an error with a long code": always(xml(b"<Error><Code>" + b"A" * 900_000 + b"</Code></Error>", 400)),
    "XML with wrappers that are deep": always(xml(b"<ListAllMyBucketsResult>" + b"<Buckets>" * 200_000)),
}  # fmt: skip
"""Those that are large, and so take time."""

ATTACKS: dict[str, Callable[[Seen], Answer]] = {
    **LARGE,
    "nothing": always(Answer()),
    "html": page,
    "html in an error": always(Answer(status=502, body=b"<html>" + b"x" * 3000)),
    "text that ends early": always(Answer(body=b"<a>", length=1000, then="close")),
    "a billion laughs": always(xml(_BILLION.encode())),
    "a billion laughs in an error": always(xml(_BILLION.encode(), 500)),
    "an entity from outside": always(xml(_OUTSIDE.encode(), 400)),
    "XML in UTF-16": always(xml("<?xml version='1.0' encoding='utf-16'?><Error/>".encode("utf-16"))),
    "JSON with a long number": always(as_json(b'{"items":[{"name":"k","size":' + b"9" * 100_000 + b"}]}")),
    "JSON with numbers that are none": always(as_json(b'{"items":[{"name":"k","size":-7,"generation":"-1"}]}')),
    "JSON with halves of characters": always(as_json(b'[{"name":"\\ud800","hash":"\\udfff","bytes":-1}]')),
    "JSON with names twice": always(as_json(b'{"kind":1,"items":[],"items":{"name":[]},"items":7}')),
    "JSON of other types": always(as_json(b'{"items":{"a":1},"nextPageToken":["t"],"error":[1],"done":"yes"}')),
    "JSON that is an error": always(as_json(b'{"error":{"message":[],"errors":"x","code":{}}}', 403)),
    "a long header": head(x_long="y" * 200_000),
    "many headers": always(Answer(headers={f"x-{n}": "y" * 100 for n in range(5000)})),
    "announcements for ever": lambda _: Answer(raw=b"", more=_for_ever(b"HTTP/1.1 102 Processing\r\n\r\n" * 100), then="close"),
    "an upgrade": raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"),
    "no HTTP": raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 10),
    "no version": raw(b"HTTP/9.9 200 OK\r\n\r\n"),
    "a status of its own": raw(b"HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n"),
    "a negative length": raw(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"),
    "two lengths": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 7\r\n\r\nxxxxxxx"),
    "a length and chunks": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"),
    "a chunk too large": raw(_CHUNKED + b"ffffffffffffffffffff\r\nx"),
    "a chunk of less than nothing": raw(_CHUNKED + b"-5\r\nx\r\n"),
    "a chunk with a long note": raw(_CHUNKED + b"1;" + b"n" * 300_000 + b"\r\nx\r\n0\r\n\r\n"),
    "a head that is folded": raw(b"HTTP/1.1 200 OK\r\nx: y\r\n z\r\nContent-Length: 0\r\n\r\n"),
    "a second answer": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"),
    "gzip": always(Answer(headers={"Content-Encoding": "gzip", "ETag": '"e"'}, body=gzip.compress(bytes(64 * MIB)))),
    "gzip in an error": always(Answer(status=400, headers={"Content-Encoding": "gzip"}, body=gzip.compress(bytes(64 * MIB)))),
    "deflate as a transfer": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    **{f"a redirect by {status}": redirect(status) for status in (301, 302, 303, 307, 308)},
    "dates out of bounds": head(Last_Modified="Fri, 31 Dec 9999 23:59:59 GMT", Date="Mon, 01 Jan 0001 00:00:00 GMT"),
    "dates that are none": head(Last_Modified="yesterday", Date="0", x_timestamp="9" * 300),
    "a clock at the end of time": always(Answer(
        status=403, headers={"Date": "Fri, 31 Dec 9999 23:59:59 GMT", "x-ms-error-code": "AuthenticationFailed"},
        body=b"<Error><Code>RequestTimeTooSkewed</Code><AuthenticationErrorDetail>Date header</AuthenticationErrorDetail></Error>")),
    "a clock at its beginning": always(Answer(
        status=403, headers={"Date": "Mon, 01 Jan 0001 00:00:00 GMT"}, body=b"<Error><Code>RequestTimeTooSkewed</Code></Error>")),
    "numbers that are none": head(x_rgw_object_count="9" * 5000, x_container_object_count="9" * 5000, x_ms_tag_count="²",
                                  x_amz_tagging_count="-1", Retry_After="9" * 400, x_goog_generation="-1"),
    "a wait for ever": always(Answer(status=503, headers={"Retry-After": "999999999"})),
    "ranges that are none": head(Content_Range="bytes 0-99999999999999999999/1"),
    "a range of others": always(Answer(status=206, headers={"Content-Range": "bytes 5-11/12", "ETag": '"e"'}, body=b"content")),
    "an etag that is none": head(ETag='"' + "e" * 8000),
    "an etag of bytes": raw(b"HTTP/1.1 200 OK\r\nETag: \"\xff\xfe\x80\"\r\nx-amz-request-id: \xff\x1b[31m\r\nContent-Length: 0\r\n\r\n"),
    "a charset of its own": head(x_amz_meta_a="=?unicode_escape?Q?=5Cq?=", x_goog_meta_a=f"=?{'q' * 3000}?B?YQ==?=",
                                 x_ms_meta_a="=?idna?Q?xn--a?=", x_object_meta_a="=?rot13?Q?a?="),
}  # fmt: skip
