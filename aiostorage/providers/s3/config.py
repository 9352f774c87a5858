"""What a user may set, and what follows from it: the :class:`Site` that requests go to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from aiostorage._http.endpoints import parse_endpoint
from aiostorage._http.options import HTTPOptions
from aiostorage.errors import InvalidArgumentError
from aiostorage.providers.s3.endpoints import EndpointKinds, endpoint_of, has_subdomains, is_directory_bucket, is_region
from aiostorage.providers.s3.profiles import AWS, DIRECTORY_BUCKETS, Vendor, VendorName
from aiostorage.providers.s3.vendors import VENDORS, vendor_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from aiostorage.models import Conditions
    from aiostorage.providers.s3.credentials import S3Credentials
    from aiostorage.providers.s3.distribution import Distribution

AddressingStyle: TypeAlias = Literal["auto", "path", "virtual"]
PayloadSigning: TypeAlias = Literal["auto", "always", "never"]


class S3Options(HTTPOptions, total=False):
    """How to reach a service that speaks S3, and as whom. Nothing is required."""

    region: str | None
    """Region to sign for. Else AWS_REGION, AWS_DEFAULT_REGION, the profile's, that in the name of the endpoint's host,
    the vendor's default."""
    endpoint: str | None
    """URL of the service. Else AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, the profile's, Amazon's own."""
    vendor: VendorName | Vendor | None
    """Who runs the service, which decides what is asked of it. Else guessed from the endpoint."""
    conditions: Conditions | None
    """What of conditions to rely on, in place of what is known of the vendor; see ``Driver.verify_conditions``."""
    addressing_style: AddressingStyle
    """Where the container's name goes: into the path, or (where DNS allows) into the host name."""
    dual_stack: bool | None
    """Amazon's endpoints that also have IPv6 addresses. Else AWS_USE_DUALSTACK_ENDPOINT, the profile's."""
    fips: bool | None
    """Amazon's endpoints whose cryptography is validated, STS's too. Else AWS_USE_FIPS_ENDPOINT, the profile's."""
    accelerate: bool
    """Amazon's endpoints of Transfer Acceleration, for containers that have it enabled (False)."""
    requester_pays: bool
    """Agree to pay for requests to containers whose owner does not (False)."""
    payload_signing: PayloadSigning
    """Whether bodies are part of the signature. ``auto``: over plain HTTP, where TLS does not guard them, and where
    the service would want another digest in its place that costs more."""
    access_key_id: str | None
    """With ``secret_access_key``. Else those of, in this order: AWS_ACCESS_KEY_ID and its companions, a web
    identity (AWS_WEB_IDENTITY_TOKEN_FILE), the profile and its role, the container, the machine."""
    secret_access_key: str | None
    session_token: str | None
    profile: str | None
    """Profile of the shared configuration files; it goes before the environment's keys. Else AWS_PROFILE."""
    credentials: Callable[[], Awaitable[S3Credentials]] | None
    """Called for :class:`~aiostorage.S3Credentials`, and again shortly before those expire, which is in UTC
    where it has no time zone."""
    mfa_code: Callable[[str], Awaitable[str]] | None
    """Called with the serial number of a device, for the code it shows, where the profile's role wants one."""
    anonymous: bool
    """Sign nothing."""
    cdn: Distribution | Mapping[str, Distribution] | None
    """What delivers the containers: a public URL (``{container}`` in it stands for the name), or a
    :class:`~aiostorage.CloudFront`, which can sign and purge; for all containers, or by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options that are about S3 and not about HTTP; see :class:`S3Options`."""

    region: str | None = None
    endpoint: str | None = None
    vendor: Vendor | None = None
    conditions: Conditions | None = None
    addressing_style: AddressingStyle = "auto"
    dual_stack: bool | None = None
    fips: bool | None = None
    accelerate: bool = False
    requester_pays: bool = False
    payload_signing: PayloadSigning = "auto"
    access_key_id: str | None = field(default=None, repr=False)
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    profile: str | None = None
    credentials: Callable[[], Awaitable[S3Credentials]] | None = None
    mfa_code: Callable[[str], Awaitable[str]] | None = None
    anonymous: bool = False
    cdn: Distribution | Mapping[str, Distribution] | None = None


def split_options(options: S3Options) -> tuple[Settings, HTTPOptions]:
    """The settings, and what is left for HTTP. Empties ``options`` of the former.

    Raises:
        InvalidArgumentError: The options contradict each other.
    """
    vendor = options.pop("vendor", None)
    settings = Settings(
        region=options.pop("region", None),
        endpoint=options.pop("endpoint", None),
        vendor=_named(vendor) if isinstance(vendor, str) else vendor,
        conditions=options.pop("conditions", None),
        addressing_style=options.pop("addressing_style", "auto"),
        dual_stack=options.pop("dual_stack", None),
        fips=options.pop("fips", None),
        accelerate=options.pop("accelerate", False),
        requester_pays=options.pop("requester_pays", False),
        payload_signing=options.pop("payload_signing", "auto"),
        access_key_id=options.pop("access_key_id", None),
        secret_access_key=options.pop("secret_access_key", None),
        session_token=options.pop("session_token", None),
        profile=options.pop("profile", None),
        credentials=options.pop("credentials", None),
        mfa_code=options.pop("mfa_code", None),
        anonymous=options.pop("anonymous", False),
        cdn=options.pop("cdn", None),
    )
    has_keys = settings.access_key_id is not None
    if has_keys != (settings.secret_access_key is not None) or (settings.session_token is not None and not has_keys):
        raise InvalidArgumentError("access_key_id and secret_access_key go together", provider="s3")
    if has_keys + (settings.credentials is not None) + settings.anonymous > 1:
        raise InvalidArgumentError("choose one of access_key_id, credentials, anonymous", provider="s3")
    if settings.addressing_style not in {"auto", "path", "virtual"}:
        raise InvalidArgumentError("addressing_style is auto, path or virtual", provider="s3")
    if settings.payload_signing not in {"auto", "always", "never"}:
        raise InvalidArgumentError("payload_signing is auto, always or never", provider="s3")
    return settings, options


def _named(name: VendorName) -> Vendor:
    if name not in VENDORS:
        raise InvalidArgumentError(f"vendor is one of {', '.join(VENDORS)}", provider="s3")
    return VENDORS[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where requests go, and in which manner.

    Attributes:
        scheme: ``http`` or ``https``.
        host: As in the ``Host`` header: lower case, with the port unless it is the scheme's own.
        base_path: Empty, or a path that begins with a slash and does not end with one.
        region: Region to sign for.
        vendor: What may be asked of the service.
        is_virtual: The container's name goes into the host name, where DNS and TLS allow it.
        amazon: Which of Amazon's endpoints these are; None for an endpoint that the user named.
        signs_payload: The SHA-256 of a body is part of the signature.
        upload_digest: The other digest that goes with a body, if any.
        requester_pays: The account that asks pays, where the owner of a container does not.
    """

    scheme: str
    host: str
    base_path: str = ""
    region: str
    vendor: Vendor
    is_virtual: bool = False
    amazon: EndpointKinds | None = None
    signs_payload: bool = True
    upload_digest: Literal["md5", "crc32"] | None = None
    requester_pays: bool = False

    def container_url(self, container: str, quoted: str) -> str:
        """URL of a container, without a slash at its end; as far as it is known when a request is built.

        Args:
            container: Name.
            quoted: The name, percent-encoded.
        """
        return endpoint_of(self, container, quoted).url

    def for_container(self, container: str | None) -> Site:
        """The site, with what may be asked of a container of this kind."""
        if container is None or not self.vendor.amazon_names or not is_directory_bucket(container):
            return self
        return replace(self, vendor=DIRECTORY_BUCKETS)


def keep_within(vendor: Vendor, options: HTTPOptions) -> None:
    """Add to the options what the vendor bears, where they do not say how much to ask of it."""
    if vendor.max_connections is not None:
        options.setdefault("max_connections", vendor.max_connections)
    if vendor.max_requests_per_s is not None:
        options.setdefault("max_requests_per_s", vendor.max_requests_per_s)


def relying_on(vendor: Vendor, conditions: Conditions) -> Vendor:
    """A vendor of which it is known which conditions it obeys."""
    return replace(
        vendor,
        create_if_absent=conditions.create_if_absent,
        write_if_match=conditions.write_if_match,
        conditional_complete=conditions.conditional_parts,
        conditional_copy=conditions.conditional_copy,
        read_conditions=conditions.read_conditions,
        delete_if_match=conditions.delete_if_match,
    )


def needs_files(settings: Settings, environ: Mapping[str, str]) -> bool:
    """Whether the shared files may have a say in :func:`make_site`."""
    return _region(settings, environ, {}) is None or _endpoint(settings, environ, {}) is None


def make_site(settings: Settings, environ: Mapping[str, str], shared: Mapping[str, str]) -> Site:
    """The site that options, environment and shared profile name, in this order.

    Raises:
        InvalidArgumentError: The endpoint or the region cannot be.

    Source: https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
    """
    endpoint = _endpoint(settings, environ, shared)
    region = _region(settings, environ, shared)
    vendor = settings.vendor
    amazon = None
    if endpoint is None:
        vendor = vendor or AWS
        region = region or vendor.default_region
        amazon = _kinds(settings, environ, shared)
        amazon.check(region)
        scheme, host, base_path = "https", amazon.host("s3", region), ""
    else:
        if settings.dual_stack or settings.fips or settings.accelerate:
            raise InvalidArgumentError("dual_stack, fips and accelerate choose the endpoint themselves", provider="s3")
        scheme, host, base_path = parse_endpoint(endpoint)
        by_host, region_of_host = vendor_of(host)
        vendor = vendor or by_host
        region = region or region_of_host or vendor.default_region
    if not is_region(region):
        raise InvalidArgumentError(f"{region!r} is not a region", provider="s3")
    if settings.conditions is not None:
        vendor = relying_on(vendor, settings.conditions)
    # A SHA-256 that the service compares costs less than the MD5 that it would want in its place (1.5 to 0.6 GiB/s).
    is_cheaper = vendor.verifies_signed_payload and vendor.upload_digest == "md5"
    wants_signed = settings.payload_signing == "always" or (
        settings.payload_signing == "auto" and (scheme == "http" or is_cheaper)
    )
    signs_payload = wants_signed and not settings.anonymous
    is_checked = signs_payload and vendor.verifies_signed_payload
    style = vendor.addressing if settings.addressing_style == "auto" else settings.addressing_style
    return Site(
        scheme=scheme,
        host=host,
        base_path=base_path,
        region=region,
        vendor=vendor,
        is_virtual=style == "virtual" and has_subdomains(host),
        amazon=amazon,
        signs_payload=signs_payload,
        upload_digest=None if is_checked else vendor.upload_digest,
        requester_pays=settings.requester_pays,
    )


def is_switched_on(name: str, given: bool | None, environ: Mapping[str, str], shared: Mapping[str, str]) -> bool:
    """Whether option, environment or profile, in this order, switch something on: ``use_fips_endpoint``, for one."""
    if given is not None:
        return given
    return (environ.get(f"AWS_{name.upper()}") or shared.get(name, "")).lower() == "true"


def _kinds(settings: Settings, environ: Mapping[str, str], shared: Mapping[str, str]) -> EndpointKinds:
    """Source: https://docs.aws.amazon.com/sdkref/latest/guide/feature-endpoints.html."""
    return EndpointKinds(
        dual_stack=is_switched_on("use_dualstack_endpoint", settings.dual_stack, environ, shared),
        fips=is_switched_on("use_fips_endpoint", settings.fips, environ, shared),
        accelerate=settings.accelerate,
    )


def _region(settings: Settings, environ: Mapping[str, str], shared: Mapping[str, str]) -> str | None:
    return (
        settings.region
        or environ.get("AWS_REGION")
        or environ.get("AWS_DEFAULT_REGION")
        or shared.get("region")
        or None
    )


def _endpoint(settings: Settings, environ: Mapping[str, str], shared: Mapping[str, str]) -> str | None:
    if settings.endpoint:
        return settings.endpoint
    if environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return None
    return (
        environ.get("AWS_ENDPOINT_URL_S3")
        or environ.get("AWS_ENDPOINT_URL")
        or shared.get("s3.endpoint_url")
        or shared.get("endpoint_url")
        or None
    )
