"""The services that others run, as far as their documents tell; and who is who by the name of a host.

What no document says is left as it is for a stranger. That the ETag of a plain object is its MD5, and
that listings are encoded when they are asked for so, is what rclone relies on with each of these
unless it says otherwise, for all of its users.

Source: https://github.com/rclone/rclone/tree/master/backend/s3/provider
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Final

from aiostorage.providers.s3.profiles import AWS, CEPH, GCS, GENERIC, LIMITS, MINIO, R2, RCLONE, SWIFT, Vendor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiostorage.providers.s3.profiles import VendorName

# Ceph in the hands of somebody who does not tell its version: conditional writes came late, and came ignored.
# What lies beside content is left out where a host may have switched it off, or does not say that it has not.
_HOSTED_CEPH: Final = dataclasses.replace(
    CEPH,
    create_if_absent=False,
    tags=False,
    container_tags=False,
    retention=False,
    encryption=frozenset({"customer"}),
    settings=frozenset({"acl", "cors", "lifecycle", "policy"}),
)

# It has no tags, and ACLs of buckets only; TLS only. Source: https://www.backblaze.com/docs/cloud-storage-s3-compatible-api,
# https://www.backblaze.com/apidocs/s3-upload-part-copy
B2 = Vendor(
    name="b2",
    hosts=re.compile(r"s3\.(?P<region>[a-z]+-[a-z]+-\d+)\.backblazeb2\.com"),
    etag_is_md5="unencrypted",
    url_encoded_lists=True,
    versioning=True,
    copy_part=True,
)

# Path style is refused for containers made since 2024. Source: https://www.tencentcloud.com/document/product/436/34688
COS = Vendor(
    name="cos",
    hosts=re.compile(r"cos\.(?P<region>[a-z]+-[a-z]+(?:-\d)?)\.myqcloud\.com"),
    addressing="virtual",
    etag_is_md5="unencrypted",
    list_version=1,
    url_encoded_lists=True,
)

# It runs Ceph, and lets an address have 256 connections, of all its programs together; 750 requests a second.
# Source: https://docs.hetzner.com/storage/object-storage/supported-actions/,
# https://docs.hetzner.com/storage/object-storage/faq/general/
HETZNER = dataclasses.replace(
    _HOSTED_CEPH,
    name="hetzner",
    hosts=re.compile(r"(?P<region>[a-z]+\d)\.your-objectstorage\.com"),
    tags=True,
    retention=True,
    settings=frozenset({"acl", "cors", "lifecycle", "object-lock", "policy"}),
    max_connections=64,
    max_requests_per_s=750,
)

# Source: https://cloud.ibm.com/docs/cloud-object-storage?topic=cloud-object-storage-compatibility-api
IBM = Vendor(
    name="ibm",
    hosts=re.compile(
        r"(?:s3|control)\.(?:private\.|direct\.)?(?P<region>[a-z0-9-]+)\.cloud-object-storage\.appdomain\.cloud"
    ),
    default_region="us-standard",
    etag_is_md5="unencrypted",
    list_version=1,
    copy_part=True,
    limits=dataclasses.replace(LIMITS, max_object_size_bytes=10_000_000_000_000),
)

# It runs Ceph. Source: https://techdocs.akamai.com/cloud-computing/docs/object-storage
LINODE = dataclasses.replace(
    _HOSTED_CEPH,
    name="linode",
    hosts=re.compile(r"(?P<region>[a-z]{2}-[a-z]+-\d+)\.linodeobjects\.com"),
)

# ListObjectsV2 is not everywhere, and an encoded marker is not understood, so that a listing would begin anew for ever
# (seen by rclone). Source: https://support.huaweicloud.com/intl/en-us/api-obs/obs_04_0022.html
OBS = Vendor(
    name="obs",
    hosts=re.compile(r"obs\.(?P<region>[a-z]+-[a-z]+(?:-\d+)?)\.myhuaweicloud\.(?:com|eu)"),
    addressing="virtual",
    etag_is_md5="unencrypted",
    list_version=1,
)

# Only the virtual-hosted style is served; signed chunks and the checksums of AWS are refused.
# Source: https://www.alibabacloud.com/help/en/oss/developer-reference/compatibility-with-amazon-s3
OSS = Vendor(
    name="oss",
    hosts=re.compile(r"(?:s3\.)?oss-(?P<region>[a-z]+-[a-z]+(?:-\d+)?)(?:-internal)?\.aliyuncs\.com"),
    default_region="cn-hangzhou",
    addressing="virtual",
    etag_is_md5="unencrypted",
    url_encoded_lists=True,
    copy_part=True,
)

# Source: https://help.ovhcloud.com/csm/en-public-cloud-storage-s3-location
OVH = Vendor(
    name="ovh",
    hosts=re.compile(r"s3\.(?P<region>[a-z0-9-]+)\.(?:io|perf)\.cloud\.ovh\.(?:net|us)"),
    etag_is_md5="unencrypted",
    url_encoded_lists=True,
    versioning=True,
)

# At most 1000 parts, of at most 5 GB. Source: https://www.scaleway.com/en/docs/object-storage/api-cli/multipart-uploads/,
# https://www.scaleway.com/en/docs/object-storage/api-cli/using-api-call-list/
SCALEWAY = Vendor(
    name="scaleway",
    hosts=re.compile(r"s3\.(?P<region>[a-z]{2}-[a-z]{3})\.scw\.cloud"),
    etag_is_md5="unencrypted",
    url_encoded_lists=True,
    versioning=True,
    limits=dataclasses.replace(
        LIMITS, max_object_size_bytes=5_000_000_000_000, max_part_size_bytes=5_000_000_000, max_parts=1000
    ),
)

# It runs Ceph; copies stay within a region; 750 requests a second for an address. Keys in listings come unencoded
# (rclone). Source: https://docs.digitalocean.com/products/spaces/reference/s3-compatibility/,
# https://docs.digitalocean.com/products/spaces/details/limits/
SPACES = dataclasses.replace(
    _HOSTED_CEPH,
    name="spaces",
    hosts=re.compile(r"(?P<region>[a-z]{3}\d)\.digitaloceanspaces\.com"),
    url_encoded_lists=False,
    copy_part=False,
    max_requests_per_s=750,
)

# A gateway made of MinIO's; parts cannot be copied. Source: https://storj.dev/dcs/api/s3/s3-compatibility
STORJ = Vendor(
    name="storj",
    hosts=re.compile(r"gateway\.(?:[a-z0-9]+\.)?storjshare\.io"),
    etag_is_md5="unencrypted",
    url_encoded_lists=True,
)

# Source: https://docs.wasabi.com/docs/what-are-the-service-urls-for-wasabis-different-storage-regions
WASABI = Vendor(
    name="wasabi",
    hosts=re.compile(r"s3\.(?:(?P<region>[a-z]{2}-[a-z]+-\d)\.)?wasabisys\.com"),
    etag_is_md5="unencrypted",
    url_encoded_lists=True,
    versioning=True,
    copy_part=True,
)

VENDORS: Final[Mapping[VendorName, Vendor]] = {
    "aws": AWS,
    "b2": B2,
    "ceph": CEPH,
    "cos": COS,
    "gcs": GCS,
    "generic": GENERIC,
    "hetzner": HETZNER,
    "ibm": IBM,
    "linode": LINODE,
    "minio": MINIO,
    "obs": OBS,
    "oss": OSS,
    "ovh": OVH,
    "r2": R2,
    "rclone": RCLONE,
    "scaleway": SCALEWAY,
    "spaces": SPACES,
    "storj": STORJ,
    "swift": SWIFT,
    "wasabi": WASABI,
}


def vendor_of(host: str) -> tuple[Vendor, str | None]:
    """The vendor that the name of a host gives away, or :data:`GENERIC`; and the region in it, if there is one."""
    name = host.partition(":")[0]
    for vendor in VENDORS.values():
        if vendor.hosts is not None and (found := vendor.hosts.fullmatch(name)):
            return vendor, found.groupdict().get("region")
    return GENERIC, None
