"""Endpoints, with the rules that botocore carries as the witness."""

from __future__ import annotations

import itertools
from functools import cache
from typing import Any

import botocore.session
import pytest
from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import EndpointResolutionError

from aiostorage._http.canonical import quote_key
from aiostorage.errors import InvalidArgumentError, InvalidNameError, StorageError, UnsupportedError
from aiostorage.providers.s3 import names
from aiostorage.providers.s3.config import Settings, make_site
from aiostorage.providers.s3.endpoints import Endpoint, endpoint_of, is_directory_bucket, parse_arn, partition_of
from aiostorage.providers.s3.profiles import AWS, GENERIC

REGIONS = ["us-east-1", "eu-west-1", "cn-north-1", "us-gov-west-1", "us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1",
           "us-isof-south-1", "eusc-de-east-1", "mars-north-1"]  # fmt: skip
POINT = "arn:aws:s3:us-west-2:123456789012:accesspoint/my-point"
DIRECTORY = "bucket--usw2-az1--x-s3"
NAMES = ["bucket", "my.bucket", "a-point-name-0123456789abcdef0123456789abcdef-s3alias", DIRECTORY,
         "b--usw2-lax1-az1--x-s3", "point--usw2-az1--xa-s3", POINT, POINT.replace("/", ":"),
         "arn:aws-cn:s3:cn-north-1:123456789012:accesspoint/my-point"]  # fmt: skip
# Ours, botocore's, and whether botocore's rules know them by a flag.
OPERATIONS: list[tuple[str, bool, dict[str, bool]]] = [
    ("get_object", True, {}),
    ("list_objects", False, {}),
    ("copy_object", True, {"DisableS3ExpressSessionAuth": True}),
    ("copy_part", True, {"DisableS3ExpressSessionAuth": True}),
    ("create_session", False, {"DisableS3ExpressSessionAuth": True}),
    ("create_container", False, {"UseS3ExpressControlEndpoint": True, "DisableAccessPoints": True}),
    ("delete_container", False, {"UseS3ExpressControlEndpoint": True}),
    ("get_policy", False, {"UseS3ExpressControlEndpoint": True}),
]


@cache
def rules() -> EndpointProvider:
    loader = botocore.session.get_session().get_component("data_loader")
    return EndpointProvider(loader.load_service_model("s3", "endpoint-rule-set-1"), loader.load_data("partitions"))


def witness(**parameters: Any) -> Endpoint | None:
    parameters = {"UseGlobalEndpoint": False, **parameters}
    try:
        found = rules().resolve_endpoint(**parameters)
    except EndpointResolutionError:
        return None
    scheme = found.properties["authSchemes"][0]
    return Endpoint(
        url=found.url,
        region=scheme["signingRegion"],
        service=scheme["signingName"],
        has_session=scheme["name"] == "sigv4-s3express",
    )


def ours(settings: Settings, container: str, operation: str = "get_object", on_object: bool = True) -> Endpoint | None:
    try:
        site = make_site(settings, {}, {})
        return endpoint_of(site, container, quote_key(container), operation=operation, on_object=on_object)
    except StorageError:
        return None


@pytest.mark.parametrize("container", NAMES)
@pytest.mark.parametrize("operation", [name for name, _, _ in OPERATIONS])
@pytest.mark.verifies(
    "endpoints: virtual hosts",
    "endpoints: dual stack",
    "endpoints: FIPS",
    "endpoints: acceleration",
    "endpoints: access points",
    on="model",
)
def test_amazons_endpoints_are_those_of_amazons_rules(container: str, operation: str) -> None:
    _, on_object, flags = next(row for row in OPERATIONS if row[0] == operation)
    compared = 0
    for region, dual, fips, fast in itertools.product(REGIONS, [False, True], [False, True], [False, True]):
        # botocore leaves acceleration out of these two before it asks its rules.
        accelerate = fast and operation not in {"create_container", "delete_container"}
        expected = witness(
            Bucket=container, Region=region, UseDualStack=dual, UseFIPS=fips, Accelerate=accelerate, **flags
        )
        if fast and not accelerate and ("--" in container or ":" in container or fips or region == "cn-north-1"):
            continue  # ours are refused before the operation is known
        settings = Settings(region=region, dual_stack=dual, fips=fips, accelerate=fast)
        found = ours(settings, container, operation, on_object)
        assert found == expected, (region, dual, fips, fast)
        compared += expected is not None
    assert compared or container.startswith("arn:") or is_directory_bucket(container)


@pytest.mark.parametrize("container", ["bucket", "my.bucket"])
@pytest.mark.verifies("endpoints: path style", on="model")
def test_path_style_is_obeyed(container: str) -> None:
    for region in REGIONS:
        found = ours(Settings(region=region, addressing_style="path"), container)
        assert found == witness(Bucket=container, Region=region, ForcePathStyle=True, UseDualStack=False, UseFIPS=False)


@pytest.mark.parametrize(
    "endpoint", ["https://s3.example.org", "https://s3.example.org:8443/base", "https://127.0.0.1:9"]
)
@pytest.mark.parametrize("container", ["bucket", DIRECTORY, POINT])
def test_an_endpoint_of_the_users_own_keeps_its_host(endpoint: str, container: str) -> None:
    found = ours(Settings(endpoint=endpoint, vendor=AWS, region="us-west-2"), container)
    expected = witness(Bucket=container, Region="us-west-2", Endpoint=endpoint, UseDualStack=False, UseFIPS=False)
    if container == POINT and "127" in endpoint:
        assert found is None  # and not a host below an address, as botocore has it
    else:
        assert found == expected


def test_the_service_itself_has_an_endpoint_of_each_kind() -> None:
    for region, dual, fips in itertools.product(REGIONS, [False, True], [False, True]):
        expected = witness(Region=region, UseDualStack=dual, UseFIPS=fips)
        settings = Settings(region=region, dual_stack=dual, fips=fips)
        if expected is None:
            with pytest.raises(InvalidArgumentError):
                make_site(settings, {}, {})
        else:
            site = make_site(settings, {}, {})
            assert f"{site.scheme}://{site.host}" == expected.url


def test_partitions_are_those_of_botocore() -> None:
    for partition in botocore.session.get_session().get_component("data_loader").load_data("partitions")["partitions"]:
        outputs = partition["outputs"]
        for region in partition["regions"]:
            if not region.endswith("-global"):
                found = partition_of(region)
                assert (found.name, found.suffix) == (partition["id"], outputs["dnsSuffix"])


@pytest.mark.parametrize(
    ("environ", "shared", "host"),
    [
        ({"AWS_USE_DUALSTACK_ENDPOINT": "true"}, {}, "s3.dualstack.eu-west-1.amazonaws.com"),
        ({"AWS_USE_FIPS_ENDPOINT": "TRUE"}, {}, "s3-fips.eu-west-1.amazonaws.com"),
        (
            {},
            {"use_fips_endpoint": "true", "use_dualstack_endpoint": "true"},
            "s3-fips.dualstack.eu-west-1.amazonaws.com",
        ),
        ({"AWS_USE_FIPS_ENDPOINT": "false"}, {"use_fips_endpoint": "true"}, "s3.eu-west-1.amazonaws.com"),
    ],
)
def test_kinds_of_endpoints_may_be_configured(environ: dict[str, str], shared: dict[str, str], host: str) -> None:
    assert make_site(Settings(region="eu-west-1"), environ, shared).host == host
    told = Settings(region="eu-west-1", dual_stack=False, fips=False)
    assert make_site(told, environ, shared).host == "s3.eu-west-1.amazonaws.com"


@pytest.mark.parametrize("option", ["dual_stack", "fips", "accelerate"])
def test_an_endpoint_is_chosen_in_one_way(option: str) -> None:
    with pytest.raises(InvalidArgumentError, match="endpoint"):
        make_site(Settings(endpoint="https://x", **{option: True}), {}, {})  # type: ignore[arg-type]
    # What the environment says for all programs is no contradiction.
    everywhere = {"AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "true"}
    assert make_site(Settings(endpoint="https://x"), everywhere, {}).host == "x"


@pytest.mark.parametrize(
    ("arn", "kind", "match"),
    [
        ("arn:aws:s3::123456789012:accesspoint/mrap.mrap", UnsupportedError, "multi-region"),
        ("arn:aws:s3-outposts:us-east-1:123456789012:outpost/op-1/accesspoint/x", UnsupportedError, "outposts"),
        ("arn:aws:s3-object-lambda:us-east-1:123456789012:accesspoint/x", UnsupportedError, "lambda"),
        ("arn:aws:s3:us-east-1:123456789012:bucket/x", InvalidNameError, "access point"),
        ("arn:aws:s3:us-east-1:12345:accesspoint/abc", InvalidNameError, "access point"),
        ("arn:aws:sqs:us-east-1:123456789012:accesspoint/abc", InvalidNameError, "access point"),
        ("arn:aws:s3:us-east-1:123456789012:accesspoint/evil.example.org", InvalidNameError, "access point"),
        ("arn:aws:s3:us-east-1:123456789012:accesspoint/abc/object/x", InvalidNameError, "access point"),
        ("arn:aws:s3:us-east-1#:123456789012:accesspoint/abc", InvalidNameError, "access point"),
        ("arn:", InvalidNameError, "access point"),
    ],
)
def test_arns_that_are_no_use(arn: str, kind: type[StorageError], match: str) -> None:
    with pytest.raises(kind, match=match):
        names.check_container(arn, AWS)


def test_arns_are_names_only_at_amazon() -> None:
    names.check_container(POINT, AWS)
    assert parse_arn("bucket") is None
    with pytest.raises(InvalidNameError):
        names.check_container(POINT, GENERIC)


@pytest.mark.parametrize(
    "name", ["bucket--x-s3", "my.bucket--usw2-az1--x-s3", "--usw2-az1--x-s3", "bucket--x-s3-", "s3"]
)
def test_names_that_are_not_of_directory_buckets(name: str) -> None:
    assert not is_directory_bucket(name)
