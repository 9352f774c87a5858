"""Uploads by a form in a browser, under a policy that somebody with a key has signed.

Source: https://cloud.google.com/storage/docs/xml-api/post-object-forms
"""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from aiostorage._http.xml import element
from aiostorage.testing.gcs.errors import forbidden, invalid
from aiostorage.testing.gcs.messages import Answer, Record, integer, parse_json, text, xml_answer
from aiostorage.testing.gcs.objects import parse_time, quoted
from aiostorage.testing.gcs.related import Parts, boundary_of
from aiostorage.testing.gcs.signing import of_form
from aiostorage.testing.gcs.xml_api import draft_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiostorage.testing.gcs.cloud import Cloud
    from aiostorage.testing.gcs.content import Content
    from aiostorage.testing.gcs.messages import JSON, Call, Source

_NAME = re.compile(r'\bname="([^"]*)"')
_FILE_NAME = re.compile(r'\bfilename="([^"]*)"')
_UNCHECKED = frozenset({"policy", "x-goog-signature", "file"})


async def answer(cloud: Cloud, call: Call, source: Source, bucket: str) -> Answer:
    """Store what a form holds.

    Raises:
        GCSError: The form is malformed, or the policy forbids it.
    """
    cloud.bucket(bucket)
    parts = Parts(source, boundary_of(call, "multipart/form-data"))
    fields, content = await _read(parts)
    if content is None:
        raise invalid("POST requires exactly one file upload per request.")
    name = fields.get("key")
    if not name:
        raise invalid("Bucket POST must contain a field named 'key'.")
    if fields.get("bucket", bucket) != bucket:
        raise invalid("The bucket that the form names is not that of its address.")
    if "policy" in fields:
        _check_policy(cloud, {**fields, "bucket": bucket}, content.size)
    elif cloud.settings.authorization == "required":
        raise forbidden("Anonymous caller does not have access.")
    draft = draft_of(replace(call, headers=_headers(fields)), bucket, name)
    obj = cloud.publish(draft, content)
    return _answer(call, fields, bucket, name, obj.xml_etag)


async def _read(parts: Parts) -> tuple[dict[str, str], Content | None]:
    """The fields before the file, by their names in lower case, and the file."""
    fields: dict[str, str] = {}
    content: Content | None = None
    while (head := await parts.head()) is not None:
        disposition = head.get("content-disposition", "")
        match = _NAME.search(disposition)
        if match is None:
            raise invalid("The body of your POST request is not well-formed multipart/form-data.")
        if match[1].lower() != "file":
            value = (await parts.small()).decode("utf-8", "surrogateescape")
            if content is None:  # what comes behind the file does not count
                fields[match[1].lower()] = value
            continue
        content = await parts.content()
        if file_name := _FILE_NAME.search(disposition):
            fields["key"] = fields.get("key", "").replace("${filename}", file_name[1])
        if "content-type" in head:
            fields.setdefault("file-content-type", head["content-type"])
    return fields, content


def _headers(fields: Mapping[str, str]) -> dict[str, str]:
    headers = {name: value for name, value in fields.items() if name not in {"key", "policy", "file-content-type"}}
    if "file-content-type" in fields:
        headers.setdefault("content-type", fields["file-content-type"])
    return headers


def _answer(call: Call, fields: Mapping[str, str], bucket: str, name: str, etag: str) -> Answer:
    headers = (("ETag", quoted(etag)), ("Location", f"{call.origin}/{bucket}/{name}"))
    if url := fields.get("success_action_redirect"):
        return Answer(status=303, headers=(("Location", url), ("ETag", quoted(etag))))
    match fields.get("success_action_status"):
        case "200":
            return Answer(headers=headers)
        case "201":
            document = xml_answer(
                f"<PostResponse>{element('Bucket', bucket)}{element('Key', name)}"
                f"{element('Location', headers[1][1])}{element('ETag', quoted(etag))}</PostResponse>",
                *headers,
            )
            return replace(document, status=201)
        case _:
            return Answer(status=204, headers=headers)


def _check_policy(cloud: Cloud, fields: Mapping[str, str], size: int) -> None:
    """Verify the signature, and compare the fields with what the policy says of them.

    Source: https://cloud.google.com/storage/docs/authentication/signatures#policy-document
    """
    signature = of_form(fields)
    signature.time()
    signature.check(cloud.accounts, fields["policy"].encode(), "")
    try:
        document = parse_json(base64.b64decode(fields["policy"], validate=True))
    except ValueError:
        raise _bad_policy("it is not base64") from None
    expiration = text(document, "expiration")
    conditions = document.get("conditions")
    if expiration is None or not isinstance(conditions, list):
        raise _bad_policy("expiration and conditions are needed")
    if parse_time(expiration) < cloud.now():
        raise forbidden("Policy expired.", xml_code="AccessDenied")
    named: set[str] = set()
    for condition in conditions:
        named |= _check_condition(condition, fields, size)
    for name in fields:
        internal = name in _UNCHECKED or name.startswith("x-ignore-") or name in {"bucket", "file-content-type"}
        if name not in named and not internal:
            raise forbidden(f"Policy did not reference these fields: {name}")


def _check_condition(condition: JSON, fields: Mapping[str, str], size: int) -> set[str]:
    """Which fields a condition is about, if they are as it wants them."""
    match condition:
        case dict():
            return _check_equal(condition, fields)
        case ["content-length-range", lowest, highest]:
            if not integer(lowest, "content-length-range") <= size <= integer(highest, "content-length-range"):
                raise invalid(
                    f"The content has {size} bytes, which the policy does not allow.", xml_code="EntityTooLarge"
                )
            return set()
        case ["eq", str(name), str(value)] if name.startswith("$"):
            return _check_equal({name[1:]: value}, fields)
        case ["starts-with", str(name), str(value)] if name.startswith("$"):
            if not fields.get(name[1:].lower(), "").startswith(value):
                raise _denied(condition)
            return {name[1:].lower()}
        case _:
            raise _bad_policy("a condition cannot be read")


def _check_equal(condition: Record, fields: Mapping[str, str]) -> set[str]:
    for name, value in condition.items():
        if fields.get(name.lower()) != value:
            raise _denied([name, value])
    return {name.lower() for name in condition}


def _denied(condition: JSON) -> Exception:
    return forbidden(f"Invalid according to Policy: Policy Condition failed: {condition}")


def _bad_policy(why: str) -> Exception:
    return invalid(f"Invalid policy document: {why}.", xml_code="InvalidPolicyDocument")
