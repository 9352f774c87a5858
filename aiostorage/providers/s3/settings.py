"""The documents of a container, as a table: one row for each, by the name that users give.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A document of a container.

    Attributes:
        subresource: The query parameter that names it.
        roots: What it is called; first by Amazon, then by others.
        content_type: Of the document.
        missing_code: The code of the error that there is none.
        none: A document that stands for none, where the operation that would remove it does not exist.
        is_removable: Whether it can be removed at all.
    """

    subresource: str
    roots: tuple[str, ...] = ()
    content_type: str = "application/xml"
    missing_code: str | None = None
    none: str | None = None
    is_removable: bool = True


def _none(root: str, content: str = "") -> str:
    return f'<{root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{content}</{root}>'


SETTINGS: Final[Mapping[str, Setting]] = {
    "accelerate": Setting(
        subresource="accelerate",
        roots=("AccelerateConfiguration",),
        none=_none("AccelerateConfiguration", "<Status>Suspended</Status>"),
    ),
    "acl": Setting(subresource="acl", roots=("AccessControlPolicy",), is_removable=False),
    "cors": Setting(subresource="cors", roots=("CORSConfiguration",), missing_code="NoSuchCORSConfiguration"),
    "encryption": Setting(
        subresource="encryption",
        roots=("ServerSideEncryptionConfiguration",),
        missing_code="ServerSideEncryptionConfigurationNotFoundError",
    ),
    "lifecycle": Setting(
        subresource="lifecycle",
        roots=("LifecycleConfiguration",),
        missing_code="NoSuchLifecycleConfiguration",
    ),
    "logging": Setting(subresource="logging", roots=("BucketLoggingStatus",), none=_none("BucketLoggingStatus")),
    "notification": Setting(
        subresource="notification",
        roots=("NotificationConfiguration",),
        none=_none("NotificationConfiguration"),
    ),
    "object-lock": Setting(
        subresource="object-lock",
        roots=("ObjectLockConfiguration",),
        missing_code="ObjectLockConfigurationNotFoundError",
        none=_none("ObjectLockConfiguration", "<ObjectLockEnabled>Enabled</ObjectLockEnabled>"),
    ),
    "ownership": Setting(
        subresource="ownershipControls",
        roots=("OwnershipControls",),
        missing_code="OwnershipControlsNotFoundError",
    ),
    "policy": Setting(subresource="policy", content_type="application/json", missing_code="NoSuchBucketPolicy"),
    "public-access-block": Setting(
        subresource="publicAccessBlock",
        roots=("PublicAccessBlockConfiguration", "BlockPublicAccessBlockConfiguration"),
        missing_code="NoSuchPublicAccessBlockConfiguration",
    ),
    "replication": Setting(
        subresource="replication",
        roots=("ReplicationConfiguration",),
        missing_code="ReplicationConfigurationNotFoundError",
    ),
    "request-payment": Setting(
        subresource="requestPayment",
        roots=("RequestPaymentConfiguration",),
        none=_none("RequestPaymentConfiguration", "<Payer>BucketOwner</Payer>"),
    ),
    "website": Setting(
        subresource="website", roots=("WebsiteConfiguration",), missing_code="NoSuchWebsiteConfiguration"
    ),
}
"""By name. Versioning and tags have calls of their own."""
