"""Which host a request goes to, and what its signature is for. Pure: names in, names out.

The region, and nothing else, may have been told by an answer. The host is always made from the user's
own endpoint, or from Amazon's domain for the partition that the user's region belongs to.

Source: https://docs.aws.amazon.com/general/latest/gr/s3.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiostorage.errors import InvalidArgumentError, InvalidNameError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiostorage.providers.s3.config import Site

DIRECTORY_BUCKET: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?--([a-z0-9-]+)--xa?-s3")
"""``name--zone--x-s3``, or the access point to one.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/directory-bucket-naming-rules.html
"""

ON_DIRECTORY_BUCKETS: Final = frozenset({
    "head_container", "list_objects", "delete_objects", "list_uploads", "create_session",
})  # fmt: skip
"""The operations on a container that its zone answers. All others are for the region to answer.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-express-Regions-and-Zones.html
"""

WITHOUT_SESSION: Final = frozenset({"head_container", "copy_object", "copy_part", "create_session"})
"""Those that are signed with the user's own credentials all the same.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-express-create-session.html
"""

_NOT_ACCELERATED: Final = frozenset({"create_container", "delete_container"})

_REGION = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ADDRESS = re.compile(r"(?:\d+\.\d+\.\d+\.\d+|\[.*\])(?::\d+)?")  # has no subdomains
_DNS_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_ARN = re.compile(
    r"arn:(?P<partition>[a-z-]+):(?P<service>[a-z0-9-]+):(?P<region>[a-z0-9-]*):(?P<account>\d{12}):(?P<path>.+)"
)
_ACCESS_POINT = re.compile(r"accesspoint[/:]([a-z0-9](?:[a-z0-9-]{1,48}[a-z0-9]))")


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """A group of regions that share accounts and a domain.

    Attributes:
        name: As in ARNs.
        suffix: The domain.
        has_fips: There are endpoints whose cryptography is validated.
        has_acceleration: There are endpoints of Transfer Acceleration.
    """

    name: str
    suffix: str
    has_fips: bool = True
    has_acceleration: bool = True


_AWS: Final = Partition(name="aws", suffix="amazonaws.com")
_PARTITIONS: Final[Mapping[str, Partition]] = {
    "cn-": Partition(name="aws-cn", suffix="amazonaws.com.cn", has_fips=False, has_acceleration=False),
    "us-gov-": Partition(name="aws-us-gov", suffix="amazonaws.com"),
    "eusc-": Partition(name="aws-eusc", suffix="amazonaws.eu"),
    "us-iso-": Partition(name="aws-iso", suffix="c2s.ic.gov"),
    "us-isob-": Partition(name="aws-iso-b", suffix="sc2s.sgov.gov"),
    "eu-isoe-": Partition(name="aws-iso-e", suffix="cloud.adc-e.uk"),
    "us-isof-": Partition(name="aws-iso-f", suffix="csp.hci.ic.gov"),
}
DOMAINS: Final = tuple(sorted({_AWS.suffix, *(partition.suffix for partition in _PARTITIONS.values())}))
"""Those of all partitions."""


def partition_of(region: str) -> Partition:
    """The partition of a region; one that is not known yet belongs to the largest.

    Source: https://docs.aws.amazon.com/general/latest/gr/rande.html
    """
    return next((partition for prefix, partition in _PARTITIONS.items() if region.startswith(prefix)), _AWS)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointKinds:
    """Which of Amazon's endpoints to use.

    Attributes:
        dual_stack: Those that have an IPv6 address, too.
        fips: Those whose cryptography is validated (FIPS 140).
        accelerate: Those of Transfer Acceleration, for all but making and removing containers.
    """

    dual_stack: bool = False
    fips: bool = False
    accelerate: bool = False

    def check(self, region: str) -> None:
        """Refuse what Amazon does not have.

        Raises:
            InvalidArgumentError: There is no such endpoint.
        """
        partition = partition_of(region)
        if self.fips and self.accelerate:
            raise InvalidArgumentError("there is no endpoint that is both fips and accelerate", provider="s3")
        if self.fips and not partition.has_fips:
            raise InvalidArgumentError(f"there are no fips endpoints in {partition.name}", provider="s3")
        if self.accelerate and not partition.has_acceleration:
            raise InvalidArgumentError(f"there are no accelerate endpoints in {partition.name}", provider="s3")

    def host(self, service: str, region: str, *, zone: str = "") -> str:
        """Name of a host, such as ``s3-fips.dualstack.us-east-1.amazonaws.com``."""
        first = f"{service}{'-fips' if self.fips else ''}{f'-{zone}' if zone else ''}"
        return f"{first}{'.dualstack' if self.dual_stack else ''}.{region}.{partition_of(region).suffix}"

    def accelerated_host(self, region: str) -> str:
        """The one host of Transfer Acceleration, wherever the container is."""
        return f"s3-accelerate{'.dualstack' if self.dual_stack else ''}.{partition_of(region).suffix}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where requests for a container go, and what they are signed for.

    Attributes:
        url: URL of the container, without a slash at its end.
        region: Region in the signature.
        service: Service in the signature.
        has_session: The credentials are those of a session with the container.
    """

    url: str
    region: str
    service: str = "s3"
    has_session: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessPoint:
    """A name of its own, with rights of its own, for a container; here as its ARN tells it."""

    partition: str
    region: str
    account: str
    name: str


def parse_arn(container: str) -> AccessPoint | None:
    """The access point that is named instead of a container; None for what is no ARN.

    Raises:
        InvalidNameError: It is the ARN of something else.
        UnsupportedError: It cannot be used here.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-points-naming.html
    """
    if not container.startswith("arn:"):
        return None
    arn = _ARN.fullmatch(container)
    if arn is None:
        raise InvalidNameError("not the ARN of an access point", provider="s3", container=container)
    if arn["service"] in {"s3-outposts", "s3-object-lambda"}:
        raise UnsupportedError(
            f"access points of {arn['service']} are not supported", provider="s3", container=container
        )
    if arn["service"] == "s3" and not arn["region"]:
        raise UnsupportedError(
            "a multi-region access point wants signatures of another kind (SigV4A), which are not supported; "
            "use the access point of one region",
            provider="s3",
            container=container,
        )
    point = _ACCESS_POINT.fullmatch(arn["path"])
    if arn["service"] != "s3" or point is None:
        raise InvalidNameError("not the ARN of an access point", provider="s3", container=container)
    return AccessPoint(partition=arn["partition"], region=arn["region"], account=arn["account"], name=point[1])


def is_directory_bucket(container: str) -> bool:
    """Whether a name is that of a directory bucket (S3 Express One Zone)."""
    return container.endswith("-s3") and DIRECTORY_BUCKET.fullmatch(container) is not None


def endpoint_of(
    site: Site, container: str, quoted: str, *, operation: str = "", on_object: bool = True, region: str | None = None
) -> Endpoint:
    """The endpoint for an operation on a container, or on an object in it.

    Args:
        site: What is configured.
        container: Name, or the ARN of an access point.
        quoted: The same, percent-encoded.
        operation: As in :class:`~aiostorage._http.messages.Request`; none for any to which no other rules apply.
        on_object: Whether it is about an object.
        region: Where the container is known to be, if it is elsewhere than configured.

    Raises:
        InvalidNameError: The container cannot be reached as it was configured.
    """
    if site.vendor.amazon_names:
        if point := parse_arn(container):
            if operation == "create_container":
                raise InvalidNameError("an access point is no name for a container", provider="s3", container=container)
            return _access_point(site, container, point)
        if is_directory_bucket(container):
            is_bucket = container.endswith("--x-s3")  # the region knows nothing of access points in its zones
            is_control = is_bucket and not on_object and operation not in ON_DIRECTORY_BUCKETS
            has_session = not is_control and operation not in WITHOUT_SESSION
            url = _directory_bucket_url(site, container, is_control=is_control)
            return Endpoint(url=url, region=site.region, service="s3express", has_session=has_session)
    region = region or site.region
    amazon = site.amazon
    if amazon is not None and amazon.accelerate and operation not in _NOT_ACCELERATED:
        if not _is_label(container):
            raise InvalidNameError("no accelerate endpoint has such a name", provider="s3", container=container)
        return Endpoint(url=f"{site.scheme}://{container}.{amazon.accelerated_host(region)}", region=region)
    host = site.host if amazon is None or region == site.region else amazon.host("s3", region)
    return Endpoint(url=_url(site, host, container, quoted), region=region)


def is_region(name: str) -> bool:
    """Whether it can be a region, whoever runs it; and a part of the name of a host."""
    return _REGION.fullmatch(name) is not None


def has_subdomains(host: str) -> bool:
    """Whether there can be names below it: it is no address."""
    return _ADDRESS.fullmatch(host) is None


def _url(site: Site, host: str, container: str, quoted: str) -> str:
    if site.is_virtual and has_subdomains(host) and _fits_host(site.scheme, container):
        return f"{site.scheme}://{container}.{host}{site.base_path}"
    return f"{site.scheme}://{host}{site.base_path}/{quoted}"


def _access_point(site: Site, container: str, point: AccessPoint) -> Endpoint:
    partition = partition_of(site.region).name
    if site.amazon is None:
        host = site.host
    elif point.partition != partition or partition_of(point.region).name != partition:
        raise InvalidNameError(f"an access point outside of {partition}", provider="s3", container=container)
    elif site.amazon.accelerate:
        raise InvalidNameError("access points have no accelerate endpoints", provider="s3", container=container)
    else:
        host = site.amazon.host("s3-accesspoint", point.region)
    if not has_subdomains(host):
        raise InvalidNameError(
            "an access point is a host, and this endpoint an address", provider="s3", container=container
        )
    return Endpoint(url=f"{site.scheme}://{point.name}-{point.account}.{host}{site.base_path}", region=point.region)


def _directory_bucket_url(site: Site, container: str, *, is_control: bool) -> str:
    """That of the zone, or that of the region.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-express-Regions-and-Zones.html
    """
    amazon, zone = site.amazon, DIRECTORY_BUCKET.fullmatch(container)
    if amazon is None or zone is None:
        return _url(site, site.host, container, container)
    if amazon.accelerate:
        raise InvalidNameError("directory buckets have no accelerate endpoints", provider="s3", container=container)
    if is_control:
        return f"{site.scheme}://{amazon.host('s3express-control', site.region)}/{container}"
    return f"{site.scheme}://{container}.{amazon.host('s3express', site.region, zone=zone[1])}"


def _fits_host(scheme: str, container: str) -> bool:
    # A wildcard certificate covers one label, so a name with dots would fail over TLS.
    return all(_is_label(label) for label in ([container] if scheme == "https" else container.split(".")))


def _is_label(name: str) -> bool:
    return _DNS_LABEL.fullmatch(name) is not None
