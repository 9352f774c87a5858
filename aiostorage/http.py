"""What a driver for a provider that speaks HTTP is made with; :mod:`aiostorage.backend` leads through it.

A driver builds a :class:`Request`, awaits :meth:`HTTPClient.send` (or ``stream`` for a body that is read as it
comes), and reads the answer. Waiting, signing, retrying, limiting, timing, and the connections are the client's.
It is handed two functions: ``sign`` makes what goes over the wire, and ``read_error`` tells what an answer that is no
success means; whoever reads an answer sees only what was hoped for.

The rest are the pure functions that every such driver would write again: names as paths, headers as values, XML
from a service that may be hostile, which bytes an answer to a range holds.
"""

from __future__ import annotations

from aiostorage._http.body import Head, HTTPObjectBody, content_length, which_bytes
from aiostorage._http.call import ResponseStream
from aiostorage._http.canonical import quote_key, quote_text
from aiostorage._http.client import HTTPClient
from aiostorage._http.credentials import CredentialCache, Expiring
from aiostorage._http.deletes import delete_singly
from aiostorage._http.failures import BY_STATUS, scrub
from aiostorage._http.headers import header_text, parse_http_date, parse_iso_date, range_header, unquote_etag
from aiostorage._http.messages import Request, Response, Wire
from aiostorage._http.options import HTTPOptions
from aiostorage._http.xml import Document, MalformedXMLError
from aiostorage._http.xml import parse as parse_xml
from aiostorage._tasks import run_to_end

__all__ = [
    "BY_STATUS",
    "CredentialCache",
    "Document",
    "Expiring",
    "HTTPClient",
    "HTTPObjectBody",
    "HTTPOptions",
    "Head",
    "MalformedXMLError",
    "Request",
    "Response",
    "ResponseStream",
    "Wire",
    "content_length",
    "delete_singly",
    "header_text",
    "parse_http_date",
    "parse_iso_date",
    "parse_xml",
    "quote_key",
    "quote_text",
    "range_header",
    "run_to_end",
    "scrub",
    "unquote_etag",
    "which_bytes",
]
