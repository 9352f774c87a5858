"""What a user may set, and what follows from it: the :class:`Site` that requests go to."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from aiostorage._http.endpoints import parse_endpoint
from aiostorage._http.options import HTTPOptions
from aiostorage.errors import AuthenticationError, InvalidArgumentError
from aiostorage.hashing import is_computable
from aiostorage.models import Capabilities, Limits
from aiostorage.providers.azure.credentials import SharedKey, sas_token
from aiostorage.providers.azure.headers import EXTRA

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiostorage.providers.azure.credentials import SASToken, TokenCredential

API_VERSION: Final = "2026-02-06"
"""The first version with listings that begin at a name."""

MIB = 1024 * 1024

LIMITS: Final = Limits(
    max_object_size_bytes=50_000 * 4000 * MIB,
    max_put_size_bytes=5000 * MIB,
    max_copy_size_bytes=256 * MIB,
    min_part_size_bytes=1,
    max_part_size_bytes=4000 * MIB,
    max_parts=50_000,
    max_delete_batch=256,
    max_page_size=5000,
)
"""Source: https://learn.microsoft.com/rest/api/storageservices/scalability-targets-for-the-azure-blob-storage."""

EMULATOR_ACCOUNT: Final = "devstoreaccount1"
# Public, and the same for everybody. Source: https://learn.microsoft.com/azure/storage/common/storage-use-azurite
EMULATOR_KEY: Final = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
EMULATOR_ENDPOINT: Final = f"http://127.0.0.1:10000/{EMULATOR_ACCOUNT}"

_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_SUFFIX = re.compile(r"[A-Za-z0-9.-]+")
_VERSION = re.compile(r"20\d\d-\d\d-\d\d")
_ADDRESS = re.compile(r"localhost|\d+\.\d+\.\d+\.\d+|\[.*\]")


class AzureOptions(HTTPOptions, total=False):
    """Which account of Azure Blob Storage to reach, and as whom.

    Who asks is said by one of ``account_key``, ``sas_token``, ``credential`` and ``anonymous``; two of them
    are refused. Where none is given, the first of these counts: what is in the connection string, the key or
    else the signature of the environment, and at last the chain of ``azure-identity`` if that is installed
    (``aiostorage[azure]``).
    """

    account_name: str | None
    """Else that of the connection string or the endpoint, AZURE_STORAGE_ACCOUNT, AZURE_STORAGE_ACCOUNT_NAME."""
    account_key: str | None
    """In base64. Else AZURE_STORAGE_KEY, AZURE_STORAGE_ACCOUNT_KEY, unless the environment names another account."""
    sas_token: str | None
    """A shared access signature, with or without ``?``. Else AZURE_STORAGE_SAS_TOKEN; that is not sent to an
    ``endpoint`` in whose address the environment's account is not named."""
    credential: TokenCredential | None
    """Gives bearer tokens; any credential of ``azure.identity.aio``. It is not closed by the driver."""
    connection_string: str | None
    """Else AZURE_STORAGE_CONNECTION_STRING. ``UseDevelopmentStorage=true`` is Azurite on its usual port."""
    endpoint: str | None
    """URL of the blob service. Else AZURE_STORAGE_SERVICE_ENDPOINT, ``https://ACCOUNT.blob.core.windows.net``."""
    anonymous: bool
    """Sign nothing: for containers that are open to the public."""
    versioning: bool
    """Whether the account keeps versions, which it does not tell by itself (False)."""
    immutability: bool
    """Whether the account has immutability of versions, which it does not tell, either (False)."""
    delete_snapshots: bool
    """Whether deleting an object also deletes its snapshots (True); else one that has any stays."""
    api_version: str
    """Version of the protocol, for services that do not know the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options that are about Azure and not about HTTP; see :class:`AzureOptions`."""

    account_name: str | None = None
    account_key: str | None = field(default=None, repr=False)
    sas_token: str | None = field(default=None, repr=False)
    credential: TokenCredential | None = None
    connection_string: str | None = field(default=None, repr=False)
    endpoint: str | None = None
    anonymous: bool = False
    versioning: bool = False
    immutability: bool = False
    delete_snapshots: bool = True
    api_version: str = API_VERSION


def split_options(options: AzureOptions) -> tuple[Settings, HTTPOptions]:
    """The settings, and what is left for HTTP. Empties ``options`` of the former.

    Raises:
        InvalidArgumentError: The options contradict each other.
    """
    settings = Settings(
        account_name=options.pop("account_name", None),
        account_key=options.pop("account_key", None),
        sas_token=options.pop("sas_token", None),
        credential=options.pop("credential", None),
        connection_string=options.pop("connection_string", None),
        endpoint=options.pop("endpoint", None),
        anonymous=options.pop("anonymous", False),
        versioning=options.pop("versioning", False),
        immutability=options.pop("immutability", False),
        delete_snapshots=options.pop("delete_snapshots", True),
        api_version=options.pop("api_version", API_VERSION),
    )
    given = [settings.account_key, settings.sas_token, settings.credential]
    if sum(item is not None for item in given) + settings.anonymous > 1:
        raise InvalidArgumentError("choose one of account_key, sas_token, credential, anonymous", provider="azure")
    if not _VERSION.fullmatch(settings.api_version):
        raise InvalidArgumentError("api_version is a date such as 2026-02-06", provider="azure")
    return settings, options


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where requests go, and in which manner.

    Attributes:
        scheme: ``http`` or ``https``.
        host: As in the ``Host`` header.
        base_path: Empty, or the account's name after a slash, for services that have no names of hosts.
        account: Name of the account.
        api_version: Version of the protocol.
        capabilities: What the account can do.
        delete_snapshots: Whether an object goes with its snapshots.
    """

    scheme: str
    host: str
    base_path: str = ""
    account: str
    api_version: str = API_VERSION
    capabilities: Capabilities
    delete_snapshots: bool = True

    @property
    def url(self) -> str:
        """URL of the account, without a slash at its end."""
        return f"{self.scheme}://{self.host}{self.base_path}"


def make_site(settings: Settings, environ: Mapping[str, str]) -> tuple[Site, SharedKey | SASToken | None]:
    """The site that options and environment name, in this order, and the lasting credential for it, if any.

    Raises:
        InvalidArgumentError: There is no account, or something in the settings is malformed.

    Source: https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string
    """
    string = settings.connection_string
    if string is None and settings.account_name is None and settings.endpoint is None:
        string = environ.get("AZURE_STORAGE_CONNECTION_STRING")
    fields = _parse_connection_string(string) if string else {}
    account = (
        settings.account_name
        or fields.get("accountname")
        or environ.get("AZURE_STORAGE_ACCOUNT")
        or environ.get("AZURE_STORAGE_ACCOUNT_NAME")
    )
    endpoint = settings.endpoint or _endpoint_in(fields, account)
    if endpoint is None and not settings.account_name:
        endpoint = environ.get("AZURE_STORAGE_SERVICE_ENDPOINT")
    if endpoint is None:
        if not account:
            raise InvalidArgumentError("which account? give account_name or connection_string", provider="azure")
        endpoint = f"https://{account}.blob.core.windows.net"
    scheme, host, base_path = parse_endpoint(endpoint)
    account = _account_of(host, base_path, account)
    site = Site(
        scheme=scheme,
        host=host,
        base_path=base_path,
        account=account,
        api_version=settings.api_version,
        delete_snapshots=settings.delete_snapshots,
        capabilities=Capabilities(
            limits=LIMITS,
            create_if_absent=True,
            write_if_match=True,
            read_conditions=True,
            server_side_copy=True,
            versioning=settings.versioning,
            presign=True,
            presign_part=True,
            conditional_parts=True,
            conditional_copy=True,
            delete_if_match=True,
            update_in_place=True,
            tags=True,
            container_tags=True,
            retention=settings.immutability,
            restore=True,
            encryption=frozenset({"customer"} if scheme == "https" else set[Literal["customer"]]()),
            checksums=frozenset({"crc64nvme"} if is_computable("crc64nvme") else set[Literal["crc64nvme"]]()),
            settings=frozenset({"acl", "public_access"}),
            extra=frozenset(EXTRA),
            atomic_completion=True,  # blocks that are gone cannot be committed, and committed ones cannot be dropped
        ),
    )
    if settings.credential is not None and scheme != "https":
        raise InvalidArgumentError("bearer tokens are sent over https only", provider="azure")
    return site, _lasting(settings, fields, environ, site)


def _lasting(
    settings: Settings, fields: Mapping[str, str], environ: Mapping[str, str], site: Site
) -> SharedKey | SASToken | None:
    """The key or the signature to use; None where there is none, or something else is to be used."""
    if settings.credential is not None or settings.anonymous:
        return None
    key, token = settings.account_key, settings.sas_token
    if not (key or token):
        key, token = fields.get("accountkey"), fields.get("sharedaccesssignature")
    if not (key or token) and not settings.account_key:
        key, token = _of_environment(settings, environ, site)
    if key:
        try:
            return SharedKey(account_name=site.account, account_key=b64decode(key, validate=True))
        except (binascii.Error, ValueError):
            pass  # and not chained: the error may hold the key
        raise AuthenticationError("the account's key is not base64", provider="azure")
    return sas_token(token) if token else None


def _of_environment(settings: Settings, environ: Mapping[str, str], site: Site) -> tuple[str | None, str | None]:
    """The key and the signature in the environment, as far as they may be used on this site.

    A key signs for the account that it is of, wherever that is. A signature can be used by whoever is sent it, so an
    endpoint that the user names has to be that of the environment, or one whose address has the account's name.
    """
    named = environ.get("AZURE_STORAGE_ACCOUNT") or environ.get("AZURE_STORAGE_ACCOUNT_NAME")
    if named and named != site.account:
        return None, None
    is_ours = (
        (settings.endpoint is None and settings.connection_string is None)
        or site.url == environ.get("AZURE_STORAGE_SERVICE_ENDPOINT", "").rstrip("/")
        or _account_at(site.host, site.base_path) == named
    )
    key = environ.get("AZURE_STORAGE_KEY") or environ.get("AZURE_STORAGE_ACCOUNT_KEY")
    return key, environ.get("AZURE_STORAGE_SAS_TOKEN") if is_ours else None


def _parse_connection_string(text: str) -> dict[str, str]:
    """The fields of a connection string, their names in lower case."""
    fields: dict[str, str] = {}
    for part in text.strip().strip(";").split(";"):
        name, equals, value = part.strip().partition("=")
        if not equals:  # what is left out of the message may be a key
            raise InvalidArgumentError("a connection string is NAME=VALUE;NAME=VALUE", provider="azure")
        fields[name.strip().lower()] = value.strip()
    if fields.get("usedevelopmentstorage", "").lower() == "true":
        endpoint = EMULATOR_ENDPOINT
        if proxy := fields.get("developmentstorageproxyuri"):
            endpoint = f"{proxy.rstrip('/')}:10000/{EMULATOR_ACCOUNT}"
        emulator = {"accountname": EMULATOR_ACCOUNT, "accountkey": EMULATOR_KEY, "blobendpoint": endpoint}
        return {**emulator, **fields}
    return fields


def _endpoint_in(fields: Mapping[str, str], account: str | None) -> str | None:
    if endpoint := fields.get("blobendpoint"):
        return endpoint
    if "accountname" not in fields or account is None:
        return None
    suffix = fields.get("endpointsuffix", "core.windows.net")
    if not _SUFFIX.fullmatch(suffix):
        raise InvalidArgumentError("EndpointSuffix is the end of a host's name", provider="azure")
    return f"{fields.get('defaultendpointsprotocol', 'https')}://{account}.blob.{suffix}"


def _account_of(host: str, base_path: str, account: str | None) -> str:
    """The account that is named, or that which the endpoint names."""
    account = account or _account_at(host, base_path)
    if not _ACCOUNT.fullmatch(account):
        raise InvalidArgumentError("an account's name is 3 to 24 of a-z and 0-9", provider="azure")
    return account


def _account_at(host: str, base_path: str) -> str:
    """The account that an endpoint names."""
    name = host.rpartition(":")[0] or host
    return base_path.strip("/") if base_path or _ADDRESS.fullmatch(name) else host.partition(".")[0]
