"""What a user may set, and what follows from it: the :class:`Site` that requests go to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiostorage._http.delivery import check_base_url
from aiostorage._http.endpoints import parse_endpoint
from aiostorage._http.options import HTTPOptions
from aiostorage.errors import InvalidArgumentError
from aiostorage.models import Capabilities, Limits
from aiostorage.providers.gcs.resources import OWN_OPTIONS
from aiostorage.providers.gcs.signing import MAX_PARTS

if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable, Sequence

    from aiostorage.providers.gcs.credentials.values import AccessToken
    from aiostorage.providers.gcs.distribution import Distribution

SETTINGS = frozenset({
    "autoclass", "billing", "cors", "encryption", "iamConfiguration", "lifecycle", "logging", "policy",
    "retentionPolicy", "softDeletePolicy", "website",
})  # fmt: skip
"""The members of a bucket that can be changed, by Google's names for them; and who may do what with it."""

ENDPOINT = "https://storage.googleapis.com"
SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
"""What tokens are asked for: the roles of the account decide, and signing through IAM needs this one."""

LIMITS = Limits(
    max_object_size_bytes=5 << 40,
    max_put_size_bytes=5 << 30,  # one request may carry more, but no part may
    max_copy_size_bytes=5 << 40,
    min_part_size_bytes=5 << 20,
    max_part_size_bytes=5 << 30,
    max_parts=MAX_PARTS,
    max_delete_batch=100,
    max_page_size=1000,
)
"""Source: https://cloud.google.com/storage/quotas."""


class GCSOptions(HTTPOptions, total=False):
    """How to reach Google Cloud Storage, and as whom. Nothing is required."""

    project: str | None
    """Project in which containers are made and listed. Else GOOGLE_CLOUD_PROJECT, that of the credentials."""
    endpoint: str | None
    """URL of the service. Else STORAGE_EMULATOR_HOST, which nobody is told a credential of, else Google's own."""
    user_project: str | None
    """Project that pays, where the container's owner does not."""
    credentials: Callable[[], Awaitable[AccessToken]] | None
    """Called for an :class:`~aiostorage.AccessToken`, and again shortly before that one expires, which is
    in UTC where it has no time zone."""
    credentials_file: str | os.PathLike[str] | None
    """JSON of a service account's key, an authorized user, a workload identity or an impersonation. Else
    GOOGLE_APPLICATION_CREDENTIALS, what ``gcloud auth application-default login`` has written, the machine's."""
    service_account: str | None
    """E-mail address of a service account: to impersonate, by whoever the credentials are."""
    scopes: Sequence[str]
    """What access tokens are good for (``cloud-platform``)."""
    anonymous: bool
    """Send no credentials."""
    signing_account: str | None
    """E-mail address of the service account in whose name IAM signs, where there is no key to sign with."""
    cdn: Distribution | Mapping[str, Distribution] | None
    """What delivers the containers: a public URL, or a :class:`~aiostorage.CloudCDN`; or one for each, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options that are about Google and not about HTTP; see :class:`GCSOptions`."""

    project: str | None = None
    endpoint: str | None = None
    user_project: str | None = None
    credentials: Callable[[], Awaitable[AccessToken]] | None = None
    credentials_file: str | os.PathLike[str] | None = None
    service_account: str | None = None
    scopes: tuple[str, ...] = SCOPES
    anonymous: bool = False
    signing_account: str | None = None
    cdn: Mapping[str, Distribution] | None = None


def split_options(options: GCSOptions) -> tuple[Settings, HTTPOptions]:
    """The settings, and what is left for HTTP. Empties ``options`` of the former.

    Raises:
        InvalidArgumentError: The options contradict each other.
    """
    settings = Settings(
        project=options.pop("project", None),
        endpoint=options.pop("endpoint", None),
        user_project=options.pop("user_project", None),
        credentials=options.pop("credentials", None),
        credentials_file=options.pop("credentials_file", None),
        service_account=options.pop("service_account", None),
        scopes=tuple(options.pop("scopes", SCOPES)),
        anonymous=options.pop("anonymous", False),
        signing_account=options.pop("signing_account", None),
        cdn=_by_container(options.pop("cdn", None)),
    )
    given = (settings.credentials is not None) + (settings.credentials_file is not None) + settings.anonymous
    if given > 1:
        raise InvalidArgumentError("choose one of credentials, credentials_file, anonymous", provider="gcs")
    if settings.anonymous and settings.service_account is not None:
        raise InvalidArgumentError("nobody in particular cannot impersonate anybody", provider="gcs")
    return settings, options


def _by_container(option: Distribution | Mapping[str, Distribution] | None) -> Mapping[str, Distribution] | None:
    """What delivers which container; ``""`` for all others."""
    if option is None:
        return None
    named = option if isinstance(option, Mapping) else {"": option}
    return {name: check_base_url(each) if isinstance(each, str) else each for name, each in named.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where requests go.

    Attributes:
        base_url: Scheme, host and path, without a slash at the end.
        user_project: The project that pays, if it is named.
        is_anonymous: Whether nobody asks: because that is wanted, or at an emulator if nobody is named.
        capabilities: What may be asked of it.
    """

    base_url: str
    user_project: str | None = None
    is_anonymous: bool = False
    capabilities: Capabilities


def make_site(settings: Settings, environ: Mapping[str, str]) -> Site:
    """The site that options and environment name, in this order. What an emulator is asked is not signed.

    Raises:
        InvalidArgumentError: The endpoint cannot be.

    Source: https://cloud.google.com/storage/docs/request-endpoints
    """
    emulator = environ.get("STORAGE_EMULATOR_HOST") if settings.endpoint is None else None
    if emulator and "://" not in emulator:
        emulator = f"http://{emulator}"
    scheme, host, path = parse_endpoint(settings.endpoint or emulator or ENDPOINT)
    is_named = settings.credentials is not None or settings.credentials_file is not None
    is_anonymous = settings.anonymous or (bool(emulator) and not is_named)
    return Site(
        base_url=f"{scheme}://{host}{path}",
        user_project=settings.user_project,
        is_anonymous=is_anonymous,
        capabilities=Capabilities(
            limits=LIMITS,
            create_if_absent=True,
            write_if_match=True,
            read_conditions=True,
            server_side_copy=True,
            versioning=True,
            presign=not is_anonymous,
            conditional_copy=True,
            delete_if_match=True,
            update_in_place=True,
            presign_post=not is_anonymous,
            presign_part=not is_anonymous,
            presign_headers=not is_anonymous,
            container_tags=True,
            acl=True,
            retention=True,
            encryption=frozenset({"managed", "kms", "customer"}),
            settings=SETTINGS,
            extra=OWN_OPTIONS,
            cdn=settings.cdn is not None,
            atomic_completion=True,  # https://cloud.google.com/storage/docs/consistency
        ),
    )


def project_of(settings: Settings, environ: Mapping[str, str]) -> str | None:
    """The project that options and environment name."""
    return settings.project or environ.get("GOOGLE_CLOUD_PROJECT") or environ.get("GCLOUD_PROJECT") or None
