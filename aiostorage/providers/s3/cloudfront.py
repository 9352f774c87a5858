"""Amazon CloudFront in front of a container: what its signed URLs, cookies and invalidations say. Pure.

Source: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/PrivateContent.html
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from aiostorage._http import xml
from aiostorage._http.canonical import quote_key, quote_text
from aiostorage._http.messages import Request
from aiostorage.errors import InvalidArgumentError, UnsupportedError
from aiostorage.models import PresignedRequest, SignedCookies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeAlias

    from aiostorage.models import CDNPolicy
    from aiostorage.providers.s3.distribution import CloudFront

    Sign: TypeAlias = Callable[[bytes], bytes]

MAX_PATHS: Final = 3000
MAX_WILDCARDS: Final = 15
"""That are being invalidated at once, of one distribution.

Source: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/InvalidationLimits.html
"""

_NAMESPACE: Final = "http://cloudfront.amazonaws.com/doc/2020-05-31/"
# CloudFront's own alphabet: none of it means anything in a URL or a cookie.
_ALPHABET: Final = bytes.maketrans(b"+=/", b"-_~")


def signed_url(
    distribution: CloudFront, url: str, resource: str, policy: CDNPolicy, now: datetime, sign: Sign
) -> PresignedRequest:
    """A URL that opens a resource.

    Args:
        distribution: Its key pair's id and hash.
        url: URL of an object.
        resource: The same, or one that ends in a star and stands for many.
        policy: To whom, and when.
        now: The time.
        sign: Makes the signature.

    Source:
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-creating-signed-url-custom-policy.html
    """
    parameters, expires_at = _signed(distribution, resource, policy, now, sign)
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    return PresignedRequest(method="GET", url=f"{url}?{query}", expires_at=expires_at)


def signed_cookies(
    distribution: CloudFront, resource: str, policy: CDNPolicy, now: datetime, sign: Sign
) -> SignedCookies:
    """Cookies that open a resource.

    Source:
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-setting-signed-cookie-custom-policy.html
    """
    parameters, expires_at = _signed(distribution, resource, policy, now, sign)
    url = urlsplit(resource)
    # A star matches beyond slashes, so all that is sure is the folder that it is in.
    path = url.path if policy.prefix is None else url.path[: url.path.rindex("/") + 1]
    return SignedCookies(
        cookies={f"CloudFront-{name}": value for name, value in parameters.items()},
        host=url.hostname or "",
        path=path,
        is_secure=url.scheme == "https",
        expires_at=expires_at,
    )


def invalidations(
    distribution_id: str,
    endpoint: str,
    paths: Sequence[str],
    wildcards: Sequence[str],
    new_reference: Callable[[], str],
) -> Iterator[Request]:
    """CreateInvalidation, in as few requests as the limits allow.

    Args:
        distribution_id: The distribution.
        endpoint: URL of CloudFront.
        paths: From :func:`viewed_paths`.
        wildcards: The same, with a star at the end.
        new_reference: Makes names, each of them once. A request that is sent again has the name of the first.

    Source: https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_CreateInvalidation.html
    """
    for batch in (*_batches(paths, MAX_PATHS), *_batches(wildcards, MAX_WILDCARDS)):
        items = "".join(xml.element("Path", path) for path in batch)
        content = (
            f"<Paths><Quantity>{len(batch)}</Quantity><Items>{items}</Items></Paths>"
            f"{xml.element('CallerReference', new_reference())}"
        )
        body = xml.document("InvalidationBatch", content, namespace=_NAMESPACE)
        yield Request(
            operation="purge",
            method="POST",
            url=f"{endpoint.rstrip('/')}/2020-05-31/distribution/{distribution_id}/invalidation",
            headers={"content-type": "application/xml", "x-amz-content-sha256": hashlib.sha256(body).hexdigest()},
            body=body,
        )


def viewed_paths(base_url: str, keys: Sequence[str], *, end: str = "") -> list[str]:
    """The paths that viewers ask for, by which CloudFront knows its copies.

    That is the path as we encode it; and the path as the documentation has it, with as few characters
    encoded as can be, since a URL that somebody wrote by hand may be so.

    Args:
        base_url: URL in front of the names.
        keys: Names.
        end: What to put after each.

    Source:
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/invalidation-specifying-objects.html
    """
    base = urlsplit(base_url).path
    forms = (form for key in keys for form in (quote_key(key), quote_text(key, "/!$&'()+,;=:@").replace("~", "%7E")))
    return list(dict.fromkeys(f"{base}/{form}{end}" for form in forms))


def service_of(region: str) -> tuple[str, str]:
    """URL of the service that purges, and the region to sign for, as seen from a region of S3."""
    if region.startswith("cn-"):
        return "https://cloudfront.cn-northwest-1.amazonaws.com.cn", "cn-northwest-1"
    return "https://cloudfront.amazonaws.com", "us-east-1"


def _signed(
    distribution: CloudFront, resource: str, policy: CDNPolicy, now: datetime, sign: Sign
) -> tuple[dict[str, str], datetime]:
    """What goes into a query or into cookies, and when it stops to work."""
    until_s = int(now.timestamp()) + int(policy.expires_in_s)
    is_canned = policy.prefix is None and policy.starts_at is None and policy.ip_range is None
    statement = _statement(resource, policy, until_s)
    what = {"Expires": str(until_s)} if is_canned else {"Policy": _encoded(statement)}
    # Without a name it is SHA-1, and that is how it always was.
    named = {"Hash-Algorithm": "SHA256"} if distribution.hash_algorithm == "sha256" else {}
    signature = {"Signature": _encoded(sign(statement)), "Key-Pair-Id": distribution.key_pair_id or ""}
    return {**what, **signature, **named}, datetime.fromtimestamp(until_s, UTC)


def _statement(resource: str, policy: CDNPolicy, until_s: int) -> bytes:
    """The policy; the canned one is rebuilt by CloudFront, so its order and its lack of spaces are fixed."""
    condition: dict[str, dict[str, int | str]] = {"DateLessThan": {"AWS:EpochTime": until_s}}
    if policy.ip_range is not None:
        if ":" in policy.ip_range:
            raise UnsupportedError("CloudFront restricts IPv4 addresses only", provider="s3")
        condition["IpAddress"] = {"AWS:SourceIp": policy.ip_range}
    if policy.starts_at is not None:
        from_s = int(policy.starts_at.timestamp())
        if from_s >= until_s:
            raise InvalidArgumentError("it would stop to work before it starts to", provider="s3")
        condition["DateGreaterThan"] = {"AWS:EpochTime": from_s}
    statement = {"Statement": [{"Resource": resource, "Condition": condition}]}
    return json.dumps(statement, separators=(",", ":")).encode()


def _batches(paths: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(paths), size):
        yield paths[start : start + size]


def _encoded(raw: bytes) -> str:
    return b64encode(raw).translate(_ALPHABET).decode()
