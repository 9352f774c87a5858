"""What is known of each vendor, as a table: a change here is a change of what is asked of somebody's service."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, get_args

import pytest

from aiostorage import S3Driver
from aiostorage.models import WHOLE
from aiostorage.providers.s3 import requests
from aiostorage.providers.s3.backend import S3Backend
from aiostorage.providers.s3.config import Settings, keep_within, make_site
from aiostorage.providers.s3.profiles import GENERIC, LIMITS, Vendor, VendorName
from aiostorage.providers.s3.vendors import VENDORS, vendor_of

if TYPE_CHECKING:
    from aiostorage._http.options import HTTPOptions

HOSTS = {
    "s3.eu-west-1.amazonaws.com": ("aws", "eu-west-1"),
    "s3-us-west-2.amazonaws.com": ("aws", "us-west-2"),
    "s3.dualstack.eu-west-1.amazonaws.com": ("aws", "eu-west-1"),
    "s3.amazonaws.com": ("aws", "us-east-1"),
    "s3.cn-north-1.amazonaws.com.cn": ("aws", "cn-north-1"),
    "bucket.vpce-1a2b3c4d-5e6f.s3.us-east-1.vpce.amazonaws.com": ("aws", "us-east-1"),
    "s3.us-iso-east-1.c2s.ic.gov": ("aws", "us-iso-east-1"),
    "abc.r2.cloudflarestorage.com": ("r2", "auto"),
    "abc.eu.r2.cloudflarestorage.com": ("r2", "auto"),
    "storage.googleapis.com": ("gcs", "auto"),
    "s3.us-west-004.backblazeb2.com": ("b2", "us-west-004"),
    "s3.wasabisys.com": ("wasabi", "us-east-1"),
    "s3.eu-central-2.wasabisys.com": ("wasabi", "eu-central-2"),
    "nyc3.digitaloceanspaces.com": ("spaces", "nyc3"),
    "oss-cn-shanghai.aliyuncs.com": ("oss", "cn-shanghai"),
    "s3.oss-eu-central-1.aliyuncs.com": ("oss", "eu-central-1"),
    "oss-cn-hangzhou-internal.aliyuncs.com": ("oss", "cn-hangzhou"),
    "cos.ap-guangzhou.myqcloud.com": ("cos", "ap-guangzhou"),
    "obs.cn-north-4.myhuaweicloud.com": ("obs", "cn-north-4"),
    "s3.gra.io.cloud.ovh.net": ("ovh", "gra"),
    "s3.eu-west-par.io.cloud.ovh.net": ("ovh", "eu-west-par"),
    "s3.us-east-va.io.cloud.ovh.us": ("ovh", "us-east-va"),
    "s3.fr-par.scw.cloud": ("scaleway", "fr-par"),
    "fsn1.your-objectstorage.com": ("hetzner", "fsn1"),
    "s3.eu-de.cloud-object-storage.appdomain.cloud": ("ibm", "eu-de"),
    "s3.private.us-south.cloud-object-storage.appdomain.cloud": ("ibm", "us-south"),
    "gateway.storjshare.io": ("storj", "us-east-1"),
    "gateway.eu1.storjshare.io": ("storj", "us-east-1"),
    "us-east-1.linodeobjects.com": ("linode", "us-east-1"),
    "minio.example.org": ("generic", "us-east-1"),
    "localhost": ("generic", "us-east-1"),
}


class Facts(NamedTuple):
    """Addressing, list version, encoded lists, bulk delete; conditions on create, on write, on Complete; parts that
    are copies; digest over TLS, whether a SHA-256 is compared; versions."""

    addressing: str
    lists: int
    encoded: bool
    bulk: bool
    create: bool
    write: bool
    complete: bool
    copies: bool
    digest: str | None
    compares: bool
    versions: bool


Y, N = True, False
FACTS = {
    #                    addressing  lists enc bulk cr wr co copies digest  comp vers
    "aws":      Facts("virtual", 2, Y, Y, Y, Y, Y, Y, "crc32", Y, Y),
    "b2":       Facts("path",    2, Y, Y, N, N, N, Y, "md5",   N, Y),
    "ceph":     Facts("path",    2, Y, Y, Y, N, N, Y, None,    Y, Y),
    "cos":      Facts("virtual", 1, Y, Y, N, N, N, N, "md5",   N, N),
    "gcs":      Facts("path",    2, Y, N, N, N, N, N, "md5",   N, N),
    "generic":  Facts("path",    2, N, Y, N, N, N, N, "md5",   N, N),
    "hetzner":  Facts("path",    2, Y, Y, N, N, N, Y, None,    Y, Y),
    "ibm":      Facts("path",    1, N, Y, N, N, N, Y, "md5",   N, N),
    "linode":   Facts("path",    2, Y, Y, N, N, N, Y, None,    Y, Y),
    "minio":    Facts("path",    2, Y, Y, Y, Y, N, Y, None,    Y, Y),
    "obs":      Facts("virtual", 1, N, Y, N, N, N, N, "md5",   N, N),
    "oss":      Facts("virtual", 2, Y, Y, N, N, N, Y, "md5",   N, N),
    "ovh":      Facts("path",    2, Y, Y, N, N, N, N, "md5",   N, Y),
    "r2":       Facts("path",    2, Y, Y, Y, Y, Y, Y, None,    Y, N),
    "rclone":   Facts("path",    2, N, Y, N, N, N, N, "md5",   N, N),
    "scaleway": Facts("path",    2, Y, Y, N, N, N, N, "md5",   N, Y),
    "spaces":   Facts("path",    2, N, Y, N, N, N, N, None,    Y, Y),
    "storj":    Facts("path",    2, Y, Y, N, N, N, N, "md5",   N, N),
    "swift":    Facts("path",    2, Y, Y, N, N, N, Y, None,    Y, Y),
    "wasabi":   Facts("path",    2, Y, Y, N, N, N, Y, "md5",   N, Y),
}  # fmt: skip


def test_every_vendor_is_in_every_table() -> None:
    assert set(VENDORS) == set(get_args(VendorName)) == set(FACTS)
    assert all(vendor.name == name for name, vendor in VENDORS.items())
    recognised = {vendor for vendor, _ in HOSTS.values()}
    assert {name for name, vendor in VENDORS.items() if vendor.hosts is not None} == recognised - {"generic"}


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_tells_its_vendor_and_its_region(host: str) -> None:
    site = make_site(Settings(endpoint=f"https://{host}"), {}, {})
    assert (site.vendor.name, site.region) == HOSTS[host]
    assert make_site(Settings(endpoint=f"https://{host}:8443", region="mine"), {}, {}).region == "mine"


@pytest.mark.parametrize("host", [host for host, (vendor, _) in HOSTS.items() if vendor != "generic"])
def test_no_other_host_is_taken_for_it(host: str) -> None:
    for other in (f"{host}.example.org", f"{host}x", f"evil-{host}" if host.startswith("gateway") else f"x{host}.y"):
        assert vendor_of(other)[0] is GENERIC


@pytest.mark.parametrize("name", FACTS)
def test_what_is_known_of_a_vendor(name: str) -> None:
    vendor = VENDORS[name]  # type: ignore[index]  # the test above says that it is one
    site = make_site(Settings(endpoint="https://x", vendor=vendor), {}, {})
    found = Facts(
        addressing=vendor.addressing,
        lists=vendor.list_version,
        encoded=vendor.url_encoded_lists,
        bulk=vendor.bulk_delete,
        create=vendor.create_if_absent,
        write=vendor.write_if_match,
        complete=vendor.conditional_complete,
        copies=vendor.copy_part,
        digest=site.upload_digest,
        compares=vendor.verifies_signed_payload,
        versions=vendor.versioning,
    )
    assert found == FACTS[name]
    # A body over TLS is compared with one digest, and with one is enough.
    assert site.signs_payload == (site.upload_digest is None)


def test_limits_that_are_not_amazons() -> None:
    others = {name: vendor.limits for name, vendor in VENDORS.items() if vendor.limits != LIMITS}
    assert set(others) == {"ibm", "r2", "scaleway", "swift"}
    assert others["swift"].max_delete_batch < LIMITS.max_delete_batch
    assert others["scaleway"].max_parts == 1000
    assert others["r2"].equal_parts
    assert others["ibm"].max_object_size_bytes == 10**13
    for limits in others.values():
        assert limits.max_object_size_bytes <= limits.max_parts * limits.max_part_size_bytes


@pytest.mark.parametrize("name", FACTS)
def test_requests_go_where_the_vendor_wants_them(name: str) -> None:
    vendor = VENDORS[name]  # type: ignore[index]  # as above
    site = make_site(Settings(endpoint="https://s3.example.org", vendor=vendor), {}, {})
    expected = {"virtual": "https://bucket.s3.example.org/k", "path": "https://s3.example.org/bucket/k"}
    assert requests.get_object(site, "bucket", "k", WHOLE).url == expected[vendor.addressing]


def test_only_amazon_is_asked_for_what_only_amazon_has() -> None:
    def asks(vendor: Vendor) -> bool:
        return (
            vendor.amazon_names or vendor.returns_checksums or vendor.full_object_checksums or vendor.paged_containers
        )

    assert [name for name, vendor in VENDORS.items() if asks(vendor)] == ["aws"]


def test_what_a_vendor_bears_is_not_exceeded_unless_the_user_says_so() -> None:
    bearing = {name: (vendor.max_connections, vendor.max_requests_per_s) for name, vendor in VENDORS.items()}
    assert {name: limits for name, limits in bearing.items() if any(limits)} == {
        "hetzner": (64, 750),
        "spaces": (None, 750),
    }
    options: HTTPOptions = {"max_connections": 200}
    keep_within(VENDORS["hetzner"], options)
    assert options == {"max_connections": 200, "max_requests_per_s": 750}


@pytest.mark.anyio
async def test_a_driver_keeps_within_what_its_vendor_bears() -> None:
    async with S3Driver(endpoint="https://fsn1.your-objectstorage.com", anonymous=True) as driver:
        assert isinstance(driver.backend, S3Backend)
        assert driver.backend._http._options.get("max_connections") == 64
