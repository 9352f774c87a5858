"""XML that comes from, and goes to, a service that may be hostile or merely old.

The parser refuses document types, and with them all entities; it reads UTF-8 whatever the
document claims, and it ignores namespaces, because services disagree about them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias
from xml.parsers import expat

from aiostorage._http.headers import whole_number

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

MAX_BYTES = 32 * 1024 * 1024
"""No answer is nearly as long: a page holds 1000 to 5000 keys of 1024 bytes."""

MAX_DEPTH = 16

MAX_ELEMENTS = 250_000
"""A page has 5000 entries of 30 elements at most; each takes some hundred bytes of memory, however few it has."""

MAX_CONTROLS = 100_000
"""Of the characters that XML does not have, and services send all the same. What is beyond is refused."""

MAX_TEXT_CHARS = 1024 * 1024
"""Of one text. Names have 1024 bytes, continuation tokens a few more."""

_FED_BYTES = 256 * 1024
"""Given to the parser at once, and the most that one tag may take, attributes included."""

_MAX_SHAPES, _MAX_SHAPE = 8, 32
"""Shapes of the records of a page, and texts of one: there are a few, and to make an expression for each takes time."""

Record: TypeAlias = dict[str, str]

# The last 256 code points for private use, and how UTF-8 begins the first 64 of them.
_FIRST_STAND_IN = 0x10FF00
_STAND_INS = b"\xf4\x8f\xbc"
_CONTROL = re.compile(rb"&#(?:x0*([0-9A-Fa-f]{1,2})|0*([0-9]{1,2}));|[\x00-\x08\x0b\x0c\x0e-\x1f]")
# A parser turns a bare carriage return into a line feed.
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # said so, it compiles in no time

# A plain document, one by one: how it begins, what may come in it, how it ends.
_SIMPLE = r"[^<>&\x00-\x08\x0b-\x1f\ufffe\uffff]*+"
_PLAIN = rf"{_SIMPLE}(?:&(?:quot|amp|lt|gt|apos);{_SIMPLE})*+"
_NAME = r"[A-Za-z_][A-Za-z0-9_]*+"
_BETWEEN = r"[ \t\r\n]*+"
_PLAIN_START = re.compile(
    rf"""(?:<\?xml version=(["'])1\.0\1 encoding=(["'])(?i:utf-8)\2\?>{_BETWEEN})?"""
    rf"""<({_NAME})(?: xmlns=(["'])[\w:/.-]*+\4)?>{_BETWEEN}""",
    re.ASCII,
)
_PLAIN_ITEM = re.compile(
    rf"<(?:({_NAME})>({_PLAIN})</\1>|({_NAME})>((?:<({_NAME})>{_PLAIN}</\5>)++)</\3>|({_NAME})/>){_BETWEEN}"
)
_PLAIN_PAIR = re.compile(rf"<({_NAME})>([^<]*+)")
_PLAIN_END = re.compile(rf"</({_NAME})>{_BETWEEN}\Z")


class MalformedXMLError(ValueError):
    """What was to be XML is none, or none that we care to read."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document: a few fields, and a list of records.

    Attributes:
        root: Name of the outermost element.
        fields: Texts of the elements right below it that hold nothing but text.
        records: The others, in order: their name, and the texts right below them. An attribute of
            such a text stands beside it, as ``NAME@ATTRIBUTE``.
    """

    root: str
    fields: Record
    records: list[tuple[str, Record]]


def parse(body: bytes, *, wrappers: Collection[str] = ()) -> Document:
    """The document in a body.

    Args:
        body: The whole body. White space before the document is put up with: S3 sends it to keep
            a connection alive.
        wrappers: Elements whose children count as if they were their siblings.

    Raises:
        MalformedXMLError: There is no well-formed document.
    """
    if len(body) > MAX_BYTES:
        raise MalformedXMLError("too long")
    if not wrappers and (plain := _parse_plain(body)) is not None:
        return plain
    try:
        return _parse(body.lstrip(), wrappers, {})
    except expat.ExpatError as error:
        message = expat.errors.messages[error.code]
    # Keys may hold control characters, XML may not. Services send them all the same, so they get stand-ins.
    replaced = _CONTROL.sub(_stand_in, body.lstrip(), count=MAX_CONTROLS)
    if replaced == body.lstrip() or _STAND_INS in body:
        raise MalformedXMLError(message)
    try:
        return _parse(replaced, wrappers, {_FIRST_STAND_IN + code: code for code in range(32)})
    except expat.ExpatError as error:
        raise MalformedXMLError(expat.errors.messages[error.code]) from None


def number(record: Record, name: str) -> int | None:
    """The size or count of that name; None where it is missing or empty.

    Raises:
        ValueError: It is none.
    """
    text = record.get(name)
    found = whole_number(text)
    if text and found is None:
        raise ValueError(f"{name} is no number")
    return found


def needed_number(record: Record, name: str) -> int:
    """The size or count of that name.

    Raises:
        KeyError: It is missing.
        ValueError: It is none.
    """
    found = number(record, name)
    if found is None:
        raise KeyError(name)
    return found


def _parse(body: bytes, wrappers: Collection[str], translation: Mapping[int, int]) -> Document:
    root = ""
    fields: Record = {}
    records: list[tuple[str, Record]] = []
    record: Record = {}
    pieces: list[str] = []  # of the text that is being read
    depth = elements = 0

    # Closures, and no element tree: a page of 1000 keys makes 12,000 of these calls, nearly all of them at depth 3.
    def start(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal depth, elements, record, root
        elements += 1
        if elements > MAX_ELEMENTS:
            raise MalformedXMLError("too many elements")
        if wrappers and _local(name) in wrappers:
            return
        depth += 1
        pieces.clear()
        if depth == 3:
            if attributes:
                for attribute, value in attributes.items():
                    record[f"{_local(name)}@{attribute}"] = value
        elif depth == 2:
            record = {}
        elif depth == 1:
            root = _local(name)
        elif depth > MAX_DEPTH:
            raise MalformedXMLError("too deep")

    def end(name: str) -> None:
        nonlocal depth
        if wrappers and _local(name) in wrappers:
            return
        if depth == 3:
            record[_local(name) if ":" in name else name] = _text(pieces)
        elif depth == 2:
            if record:
                records.append((_local(name), record))
            else:
                fields[_local(name)] = _text(pieces)
        depth -= 1

    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = pieces.append
    if translation:
        parser.CharacterDataHandler = lambda more: pieces.append(more.translate(translation))
    parser.StartDoctypeDeclHandler = _refuse_doctype
    for begin in range(0, len(body), _FED_BYTES):
        parser.Parse(body[begin : begin + _FED_BYTES], False)
        if begin - parser.CurrentByteIndex > _FED_BYTES:
            raise MalformedXMLError("too long a tag")
    parser.Parse(b"", True)
    return Document(root, fields, records)


def _parse_plain(body: bytes) -> Document | None:
    """The same, in a quarter of the time, of a document that is as plain as that of nearly every page; else None.

    Plain are texts and records of texts, without attributes, comments and whatever else XML has. Records are mostly
    of one shape, so the shape of one is what the next is expected to have.
    """
    if len(body) > MAX_TEXT_CHARS:  # so no text is longer, and there are not too many elements
        return None
    try:
        document = body.decode()
    except UnicodeDecodeError:
        return None
    begin = _PLAIN_START.match(document)
    if begin is None:
        return None
    fields: Record = {}
    records: list[tuple[str, Record]] = []
    shapes: dict[tuple[str, ...], Callable[[str, int], re.Match[str] | None]] = {}
    position = begin.end()
    while item := _PLAIN_ITEM.match(document, position):
        position = item.end()
        name, text, record, content, empty = item.group(1, 2, 3, 4, 6)
        if record is None:
            fields[name or empty] = _unescaped(text or "")
            continue
        names, texts = zip(*_PLAIN_PAIR.findall(content), strict=True)
        records.append((record, _record(names, texts)))
        shape = (record, *names)
        if shape not in shapes:
            if len(shapes) == _MAX_SHAPES or len(names) > _MAX_SHAPE:
                return None
            shapes[shape] = _expression(record, names).match
        expected = shapes[shape]
        while found := expected(document, position):
            position = found.end()
            records.append((record, _record(names, found.groups())))
    end = _PLAIN_END.match(document, position)
    return Document(begin[3], fields, records) if end is not None and end[1] == begin[3] else None


def _record(names: Sequence[str], texts: Sequence[str]) -> Record:
    return dict(zip(names, [_unescaped(text) if "&" in text else text for text in texts], strict=True))


def _unescaped(text: str) -> str:
    text = text.replace("&quot;", '"')
    if "&" in text:
        text = text.replace("&apos;", "'").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return text


def _expression(record: str, names: Iterable[str]) -> re.Pattern[str]:
    texts = "".join(f"<{name}>({_PLAIN})</{name}>" for name in names)
    return re.compile(f"<{record}>{texts}</{record}>{_BETWEEN}")


def _text(pieces: list[str]) -> str:
    text = pieces[0] if len(pieces) == 1 else "".join(pieces)
    if len(text) > MAX_TEXT_CHARS:
        raise MalformedXMLError("too long a text")
    return text


def _local(name: str) -> str:
    return name.rpartition(":")[2] if ":" in name else name


def _stand_in(match: re.Match[bytes]) -> bytes:
    if match[1]:
        code = int(match[1], 16)
    elif match[2]:
        code = int(match[2])
    else:
        code = match[0][0]
    return match[0] if code >= 32 or code in b"\t\n\r" else chr(_FIRST_STAND_IN + code).encode()


def _refuse_doctype(*_: object) -> None:
    raise MalformedXMLError("a document type declaration")


def is_expressible(text: str) -> bool:
    """Whether XML 1.0 can carry the text at all: most control characters it cannot."""
    return _ILLEGAL.search(text) is None


def element(name: str, content: str) -> str:
    """An element around text that is escaped, so that a parser gives back every character of it."""
    return f"<{name}>{content.translate(_ESCAPES)}</{name}>"


def document(root: str, content: str, *, namespace: str = "") -> bytes:
    """A request body."""
    xmlns = f' xmlns="{namespace}"' if namespace else ""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}{xmlns}>{content}</{root}>'.encode()
