"""What S3 keeps beside the content of objects and containers: requests and answers of its subresources. Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from aiostorage._http import xml
from aiostorage._http.canonical import with_query
from aiostorage._http.headers import header_text
from aiostorage._http.messages import Request
from aiostorage.errors import InvalidArgumentError
from aiostorage.providers.s3 import errors
from aiostorage.providers.s3.documents import document as read_document
from aiostorage.providers.s3.documents import well_formed
from aiostorage.providers.s3.headers import BYPASS, customer_key_headers, hold_status, retain_until
from aiostorage.providers.s3.requests import container_url, document, document_digest, object_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiostorage._http.messages import Response
    from aiostorage.models import ObjectRef, Retention
    from aiostorage.providers.s3.config import Site
    from aiostorage.providers.s3.settings import Setting


def of_object(
    site: Site,
    operation: str,
    method: str,
    ref: ObjectRef,
    subresource: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> Request:
    """A request on a subresource of an object, or of one version of it."""
    url = with_query(object_url(site, ref.container, ref.key), (subresource, ""), ("versionId", ref.version_id))
    return Request(
        operation=operation,
        method=method,
        url=url,
        headers={**(headers or {}), **_digest(site, method, body)},
        body=body,
        container=ref.container,
        key=ref.key,
    )


def of_container(
    site: Site,
    operation: str,
    method: str,
    container: str,
    subresource: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> Request:
    """A request on a subresource of a container."""
    return Request(
        operation=operation,
        method=method,
        url=with_query(container_url(site, container), (subresource, "")),
        headers={**(headers or {}), **_digest(site, method, body)},
        body=body,
        container=container,
    )


def _digest(site: Site, method: str, body: bytes) -> dict[str, str]:
    """Without it nothing is taken, not even an empty body."""
    return {} if method in {"GET", "DELETE"} else document_digest(site, body)


# Tags


def set_tags(site: Site, ref: ObjectRef, tags: Mapping[str, str]) -> Request:
    """PutObjectTagging. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectTagging.html."""
    return of_object(site, "set_tags", "PUT", ref, "tagging", *_tagging(tags))


def set_container_tags(site: Site, container: str, tags: Mapping[str, str]) -> Request:
    """PutBucketTagging. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketTagging.html."""
    return of_container(site, "set_container_tags", "PUT", container, "tagging", *_tagging(tags))


def _tagging(tags: Mapping[str, str]) -> tuple[bytes, dict[str, str]]:
    elements = [f"<Tag>{xml.element('Key', name)}{xml.element('Value', value)}</Tag>" for name, value in tags.items()]
    if not all(xml.is_expressible(text) for pair in tags.items() for text in pair):
        raise InvalidArgumentError("a tag cannot hold control characters", provider="s3")
    return document("Tagging", f"<TagSet>{''.join(elements)}</TagSet>")


def tags(request: Request, response: Response) -> dict[str, str]:
    """The tags in an answer.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectTagging.html
    """
    found = read_document(request, response, "Tagging", wrappers=("TagSet",))
    with well_formed(request, response):
        return {record["Key"]: record.get("Value", "") for name, record in found.records if name == "Tag"}


# What keeps objects, and who may have them


def set_acl(site: Site, ref: ObjectRef, acl: str) -> Request:
    """PutObjectAcl, canned. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectAcl.html."""
    return of_object(site, "set_acl", "PUT", ref, "acl", headers={"x-amz-acl": header_text("acl", acl)})


def set_retention(site: Site, ref: ObjectRef, retention: Retention | None, *, bypass_retention: bool) -> Request:
    """PutObjectRetention. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectRetention.html."""
    content = ""
    if retention is not None:
        content = xml.element("Mode", retention.mode.upper()) + xml.element("RetainUntilDate", retain_until(retention))
    body, headers = document("Retention", content)
    return of_object(
        site, "set_retention", "PUT", ref, "retention", body, {**headers, **(BYPASS if bypass_retention else {})}
    )


def set_legal_hold(site: Site, ref: ObjectRef, *, is_held: bool) -> Request:
    """PutObjectLegalHold. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectLegalHold.html."""
    body, headers = document("LegalHold", xml.element("Status", hold_status(is_held=is_held)))
    return of_object(site, "set_legal_hold", "PUT", ref, "legal-hold", body, headers)


def restore_object(site: Site, ref: ObjectRef, *, days: int | None, tier: str | None) -> Request:
    """RestoreObject. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_RestoreObject.html."""
    content = "" if days is None else xml.element("Days", str(days))
    if tier is not None:
        content += f"<GlacierJobParameters>{xml.element('Tier', tier)}</GlacierJobParameters>"
    body, headers = document("RestoreRequest", content)
    return of_object(
        site, "restore_object", "POST", ref, "restore", body, {**headers, **customer_key_headers(ref.customer_key)}
    )


# Containers


def set_versioning(site: Site, container: str, *, is_kept: bool) -> Request:
    """PutBucketVersioning. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketVersioning.html."""
    body, headers = document("VersioningConfiguration", xml.element("Status", "Enabled" if is_kept else "Suspended"))
    return of_container(site, "set_versioning", "PUT", container, "versioning", body, headers)


def versioning(request: Request, response: Response) -> bool:
    """Whether a container keeps versions.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketVersioning.html
    """
    found = read_document(request, response, "VersioningConfiguration", "GetBucketVersioningResponse")  # moto's
    return found.fields.get("Status") == "Enabled"


def set_setting(site: Site, container: str, setting: Setting, text: str) -> Request:
    """Any of the PutBucket operations; see ``settings``."""
    body = text.encode()
    headers = {"content-type": setting.content_type, "x-amz-content-sha256": hashlib.sha256(body).hexdigest()}
    return of_container(site, "set_setting", "PUT", container, setting.subresource, body, headers)


def setting_text(request: Request, response: Response, setting: Setting) -> str | None:
    """The document in an answer, as it is; None where there is nothing in it.

    What a service does not call an error it answers with an empty element.
    """
    try:
        text = response.body.decode()
    except UnicodeDecodeError:
        raise errors.unexpected(request, response, "the document is not UTF-8") from None
    if setting.content_type != "application/xml":
        return text or None
    found = read_document(request, response, *setting.roots)
    # Ceph gives one a name under which it does not take it back.
    text = text.replace(found.root, setting.roots[0])
    return text if found.fields or found.records else None
