"""The documents in answers of S3. What is missing or malformed in them is the service's fault, and is said so."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from aiostorage._http.xml import Document, MalformedXMLError, Record, parse
from aiostorage.providers.s3 import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from aiostorage._http.messages import Request, Response


def document(request: Request, response: Response, *roots: str, wrappers: Sequence[str] = ()) -> Document:
    """The document in an answer, which must be one of ``roots``."""
    try:
        found = parse(response.body, wrappers=wrappers)
    except MalformedXMLError as error:
        raise errors.unexpected(request, response, f"the answer is not the XML document {roots[0]}: {error}") from None
    if found.root not in roots:
        raise errors.unexpected(request, response, f"the answer is not the XML document {roots[0]}")
    return found


@contextmanager
def well_formed(request: Request, response: Response) -> Generator[None]:
    """What is missing or malformed in a document is the service's fault."""
    try:
        yield
    except KeyError as error:
        raise errors.unexpected(request, response, f"{error.args[0]} is missing in the answer") from None
    except ValueError:
        raise errors.unexpected(request, response, "a number or a key in the answer is malformed") from None


def decoder(fields: Record) -> Callable[[str], str]:
    """How keys in a listing are read: services that encode them when asked to say that they did."""
    return unquote if fields.get("EncodingType") == "url" else str


def marker(raw: str, last: str, text: Callable[[str], str]) -> str:
    """Where the next page begins: nearly always after the last item of this one.

    Services encode the marker or leave it as it is, whatever they do to keys (Ceph and Swift differ
    even between operations). What equals the last item unencoded is not encoded.
    """
    return last if raw in {"", last} else text(raw)


def unquote(text: str) -> str:
    """A key that is encoded as in a form."""
    return unquote_plus(text, errors="strict") if "%" in text or "+" in text else text
