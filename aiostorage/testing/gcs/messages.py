"""A request and an answer, apart from the server that carries them.

A batch makes many of the one and joins many of the other, so neither knows of a connection.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import parse_qsl, unquote

from aiostorage.testing.gcs.errors import invalid

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"
Record: TypeAlias = dict[str, JSON]
Source: TypeAlias = AsyncIterator[bytes]

MAX_DOCUMENT_BYTES = 16 * 1024 * 1024
"""Of a JSON or XML document, or a batch: they are read whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request.

    Attributes:
        method: In capitals.
        path: As it came, still percent-encoded, without the query.
        raw_query: The query as it came.
        headers: Names in lower case; the values of a repeated header are joined by commas.
        origin: Scheme, host and port as the client knows them.
        body: The whole body, where the operation takes a document; the content of an object is streamed.
    """

    method: str
    path: str
    raw_query: str
    headers: Mapping[str, str]
    origin: str
    body: bytes = b""

    @property
    def segments(self) -> list[str]:
        """The path's segments, decoded one by one: an encoded slash does not part them."""
        return [unquote(segment, errors="surrogateescape") for segment in self.path.split("/")[1:]]

    @property
    def query(self) -> dict[str, str]:
        """The parameters; of a repeated one the last counts."""
        return dict(self.parameters)

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """The parameters in order; what is not UTF-8 stays visible as such."""
        return parse_qsl(self.raw_query, keep_blank_values=True, errors="surrogateescape")

    def values(self, name: str) -> list[str]:
        """All values of a parameter that may be repeated."""
        return [value for key, value in self.parameters if key == name]

    def number(self, name: str) -> int | None:
        """A parameter that is a number."""
        return None if (text := self.query.get(name)) is None else integer(text, name)

    def is_set(self, name: str) -> bool:
        """Whether a parameter says yes."""
        return self.query.get(name, "").lower() == "true"

    def document(self) -> Record:
        """The body as a JSON object; none counts as an empty one."""
        return parse_json(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A response.

    Attributes:
        headers: In order; a name may stand twice.
        body: Bytes, or the pieces of a content.
        length: How many bytes ``body`` has, where it is pieces; None where that shows in the end only.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | Iterator[memoryview | bytes] = b""
    length: int | None = None


def json_answer(document: Mapping[str, JSON], *headers: tuple[str, str], status: int = 200) -> Answer:
    """A JSON document."""
    etag = document.get("etag")
    more = (("ETag", etag),) if isinstance(etag, str) else ()
    body = json.dumps(document, indent=2, ensure_ascii=False).encode("utf-8", "surrogateescape")
    return Answer(
        status=status, headers=(("Content-Type", "application/json; charset=UTF-8"), *more, *headers), body=body
    )


def xml_answer(body: str, *headers: tuple[str, str]) -> Answer:
    """An XML document."""
    head = "<?xml version='1.0' encoding='UTF-8'?>"
    content_type = ("Content-Type", "application/xml; charset=UTF-8")
    return Answer(headers=(content_type, *headers), body=(head + body).encode("utf-8", "surrogateescape"))


def parse_json(body: bytes) -> Record:
    """A JSON object; nothing counts as an empty one.

    Raises:
        GCSError: It is not one.
    """
    if not body.strip():
        return {}
    try:
        document: JSON = json.loads(body)
    except ValueError:
        raise invalid("Parse Error", reason="parseError") from None
    if not isinstance(document, dict):
        raise invalid("Parse Error", reason="parseError")
    return document


def integer(text: JSON, name: str) -> int:
    """A 64 bit number, which JSON carries as text.

    Raises:
        GCSError: It is none.
    """
    try:
        if isinstance(text, (str, int)) and not isinstance(text, bool) and -(2**63) <= (value := int(text)) < 2**63:
            return value
    except ValueError:
        pass
    raise invalid(f"Invalid value for parameter {name}: {text!r}", reason="invalidParameter")


def text(record: Mapping[str, JSON], name: str) -> str | None:
    """A field that is text, if it is there.

    Raises:
        GCSError: It is something else.
    """
    value = record.get(name)
    if value is not None and not isinstance(value, str):
        raise invalid(f"Invalid value for field {name}")
    return value


def mapping(record: Mapping[str, JSON], name: str) -> Record:
    """A field that is a JSON object; empty if it is not there.

    Raises:
        GCSError: It is something else.
    """
    value = record.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid(f"Invalid value for field {name}")
    return value


async def read_whole(source: Source) -> bytes:
    """A body that is a document.

    Raises:
        GCSError: It is longer than any document.
    """
    size, pieces = 0, list[bytes]()
    async for piece in source:
        size += len(piece)
        if size > MAX_DOCUMENT_BYTES:
            raise invalid("Request too large", reason="uploadTooLarge")
        pieces.append(piece)
    return b"".join(pieces)
