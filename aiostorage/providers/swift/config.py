"""What a user may set, and which login follows from it and from the environment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast

from aiostorage._http.options import HTTPOptions
from aiostorage.errors import InvalidArgumentError
from aiostorage.providers.swift.identity import DEFAULT_DOMAIN, Keystone2, Keystone3, Named, TempAuth, check_url

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from aiostorage.providers.swift.identity import Interface, Login
    from aiostorage.providers.swift.tokens import SwiftToken

AuthVersion: TypeAlias = Literal["1", "2", "3"]
TempURLDigest: TypeAlias = Literal["sha1", "sha256", "sha512"]

_VARIABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "auth_url": ("OS_AUTH_URL",),
    "auth_version": ("OS_IDENTITY_API_VERSION", "OS_AUTH_VERSION"),
    "username": ("OS_USERNAME",),
    "user_id": ("OS_USER_ID",),
    "password": ("OS_PASSWORD",),
    "user_domain_name": ("OS_USER_DOMAIN_NAME",),
    "user_domain_id": ("OS_USER_DOMAIN_ID",),
    "project_name": ("OS_PROJECT_NAME", "OS_TENANT_NAME"),
    "project_id": ("OS_PROJECT_ID", "OS_TENANT_ID"),
    "project_domain_name": ("OS_PROJECT_DOMAIN_NAME",),
    "project_domain_id": ("OS_PROJECT_DOMAIN_ID",),
    "application_credential_id": ("OS_APPLICATION_CREDENTIAL_ID",),
    "application_credential_name": ("OS_APPLICATION_CREDENTIAL_NAME",),
    "application_credential_secret": ("OS_APPLICATION_CREDENTIAL_SECRET",),
    "token": ("OS_AUTH_TOKEN", "OS_TOKEN"),
    "storage_url": ("OS_STORAGE_URL",),
    "region": ("OS_REGION_NAME",),
    "interface": ("OS_INTERFACE", "OS_ENDPOINT_TYPE"),
    "temp_url_key": (),
    "temp_url_digest": (),
    "cdn_management_url": (),
}
"""The options that are text, and where they come from if they are not given."""

_TEMPAUTH: Final = {
    "auth_url": "ST_AUTH",
    "username": "ST_USER",
    "password": "ST_KEY",
    "auth_version": "ST_AUTH_VERSION",
}

_WAYS: Final = {
    "token": ("token",),
    "password": ("username", "user_id", "password"),
    "application credential": ("application_credential_id", "application_credential_name"),
}
"""Ways to log in, and the options that choose them."""


class SwiftOptions(HTTPOptions, total=False):
    """How to reach a Swift cluster, and as whom. What is not given is taken from ``OS_*``, else ``ST_*``, variables."""

    auth_url: str | None
    """Where tokens come from: Keystone (``https://host:5000/v3``) or TempAuth (``https://host/auth/v1.0``)."""
    auth_version: AuthVersion | None
    """Else OS_IDENTITY_API_VERSION, OS_AUTH_VERSION or ST_AUTH_VERSION; else what ``auth_url`` ends in; else 3."""
    username: str | None
    """The user; with TempAuth ``account:user``."""
    user_id: str | None
    password: str | None
    """The password; with TempAuth the key."""
    user_domain_name: str | None
    user_domain_id: str | None
    """The domain of the user; that with the id ``default`` where none is named."""
    project_name: str | None
    """The project whose account it is (version 2: the tenant)."""
    project_id: str | None
    project_domain_name: str | None
    project_domain_id: str | None
    application_credential_id: str | None
    """With ``application_credential_secret``; in place of user, password and project."""
    application_credential_name: str | None
    """The same by name; then the user is needed, too."""
    application_credential_secret: str | None
    token: str | None
    """A token. With ``storage_url`` it is used as it is; else it is exchanged for one of the project."""
    storage_url: str | None
    """The account's URL, such as ``https://host/v1/AUTH_account``; it goes before what the login says."""
    region: str | None
    """Whose endpoint to take from the catalog; the first where none is named."""
    interface: Interface | None
    """Which of the endpoints: ``public``, ``internal`` or ``admin``."""
    temp_url_key: str | None
    """Key to presign with. Without it the account's own is asked for."""
    temp_url_digest: TempURLDigest | None
    """Else the best that the cluster takes."""
    cdn: str | Mapping[str, str] | None
    """Public URL of the containers, in which ``{container}`` stands for the name; or such URLs by container."""
    cdn_management_url: str | None
    """Where the account's own CDN is told what to deliver (Rackspace). Else what the catalog says."""
    credentials: Callable[[], Awaitable[SwiftToken]] | None
    """Called for a :class:`~aiostorage.SwiftToken`, and again shortly before that one expires, which is
    in UTC where it has no time zone."""
    anonymous: bool
    """Send no token; for containers that anybody may read. ``storage_url`` is needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options that are about Swift and not about HTTP; see :class:`SwiftOptions`."""

    login: Login | None = None
    token: str | None = field(default=None, repr=False)
    storage_url: str | None = None
    region: str | None = None
    interface: Interface = "public"
    temp_url_key: str | None = field(default=None, repr=False)
    temp_url_digest: TempURLDigest | None = None
    cdn: str | Mapping[str, str] | None = None
    cdn_management_url: str | None = None
    credentials: Callable[[], Awaitable[SwiftToken]] | None = None
    anonymous: bool = False


def split_options(options: SwiftOptions, environ: Mapping[str, str]) -> tuple[Settings, HTTPOptions]:
    """The settings, and what is left for HTTP.

    Raises:
        InvalidArgumentError: The options contradict each other, or do not say how to log in.
    """
    given: dict[str, object] = {**options}
    chosen = {way for way, names in _WAYS.items() if any(given.get(name) is not None for name in names)}
    texts = _texts(given, environ)
    credentials = given.pop("credentials", None)
    anonymous = bool(given.pop("anonymous", False))
    if (credentials is not None) + anonymous + bool(chosen) > 1 or len(chosen - {"password"}) > 1:
        raise _invalid("choose one of credentials, anonymous, and a user, application credential or token")
    storage_url = texts["storage_url"]
    if anonymous and storage_url is None:
        raise _invalid("anonymous access needs a storage_url")
    is_fixed = storage_url is not None and texts["token"] is not None and chosen <= {"token"}
    login = None if anonymous or credentials is not None or is_fixed else _login(texts, chosen)
    given.pop("cdn", None)
    cdn_url = texts["cdn_management_url"]
    digest = texts["temp_url_digest"]
    if digest not in {None, "sha1", "sha256", "sha512"}:
        raise _invalid("temp_url_digest is sha1, sha256 or sha512")
    settings = Settings(
        login=login,
        token=texts["token"] if is_fixed else None,
        storage_url=None if storage_url is None else check_url(storage_url, "storage_url"),
        region=texts["region"],
        interface=_interface(texts["interface"]),
        temp_url_key=texts["temp_url_key"],
        temp_url_digest=cast("TempURLDigest | None", digest),  # looked at above
        cdn=options.get("cdn"),
        cdn_management_url=None if cdn_url is None else check_url(cdn_url, "cdn_management_url"),
        credentials=options.get("credentials"),
        anonymous=anonymous,
    )
    http_options = cast("HTTPOptions", given)  # what is left is what SwiftOptions inherits
    if environ.get("OS_CACERT"):
        http_options.setdefault("ca_bundle", environ["OS_CACERT"])
    if environ.get("OS_CERT"):
        http_options.setdefault("client_certificate", (environ["OS_CERT"], environ.get("OS_KEY") or None))
    return settings, http_options


def _texts(given: dict[str, object], environ: Mapping[str, str]) -> dict[str, str | None]:
    """The options that are text, as far as they are given or in the environment. Empties ``given`` of them."""
    texts: dict[str, str | None] = {}
    is_tempauth = given.get("auth_url") is None and not environ.get("OS_AUTH_URL") and bool(environ.get("ST_AUTH"))
    for name, variables in _VARIABLES.items():
        value = given.pop(name, None)
        if value is None and is_tempauth and name in _TEMPAUTH:
            value = environ.get(_TEMPAUTH[name]) or None
        if value is None:
            value = next((environ[variable] for variable in variables if environ.get(variable)), None)
        if value is not None and not isinstance(value, str):
            raise _invalid(f"{name} is text")
        texts[name] = value
    if is_tempauth and texts["auth_version"] is None:
        texts["auth_version"] = "1"
    return texts


def _login(texts: Mapping[str, str | None], chosen: set[str]) -> Login:
    """How to get a token. What is given as an option goes before what is only in the environment."""
    url = texts["auth_url"]
    if url is None:
        raise _invalid("auth_url is needed, as an option or in OS_AUTH_URL or ST_AUTH")
    url = check_url(url, "auth_url")
    ways = [way for way in ("application credential", "token", "password") if not chosen or way in chosen]
    way = next((way for way in ways if any(texts[name] for name in _WAYS[way])), None)
    match _version(texts["auth_version"], url):
        case "1":
            if texts["username"] is None or texts["password"] is None:
                raise _invalid("TempAuth needs a username (account:user) and a password")
            return TempAuth(url=url, user=texts["username"], key=texts["password"])
        case "2":
            is_token = way == "token"
            if not is_token and (texts["username"] is None or texts["password"] is None):
                raise _invalid("version 2 of Keystone needs a username and a password, or a token")
            return Keystone2(
                url=_with_path(url, "/v2.0"),
                username=None if is_token else texts["username"],
                secret=texts["token" if is_token else "password"] or "",
                tenant=Named(id=texts["project_id"], name=texts["project_name"]),
            )
        case _:
            return _keystone3(texts, way, _with_path(url, "/v3"))


def _keystone3(texts: Mapping[str, str | None], way: str | None, url: str) -> Keystone3:
    user = Named(id=texts["user_id"], name=texts["username"], domain=_domain(texts, "user"))
    project = Named(id=texts["project_id"], name=texts["project_name"], domain=_domain(texts, "project"))
    match way:
        case "application credential":
            named = Named(id=texts["application_credential_id"], name=texts["application_credential_name"])
            secret = texts["application_credential_secret"]
            if secret is None or (named.id is None and not user):
                raise _invalid("an application credential needs its secret and, if it is named, its user")
            return Keystone3(url=url, application_credential=named, user=user, secret=secret)
        case "token":
            return Keystone3(url=url, secret=texts["token"] or "", project=project)
        case _:
            if not user or texts["password"] is None:
                raise _invalid("a user with a password, an application credential or a token is needed")
            return Keystone3(url=url, user=user, secret=texts["password"], project=project)


def _domain(texts: Mapping[str, str | None], of: str) -> Named:
    return Named(id=texts[f"{of}_domain_id"], name=texts[f"{of}_domain_name"]) or DEFAULT_DOMAIN


def _version(told: str | None, url: str) -> AuthVersion:
    if told is not None:
        found = {"1": "1", "1.0": "1", "2": "2", "2.0": "2", "3": "3", "3.0": "3"}.get(told.removeprefix("v"))
        if found is None:
            raise _invalid("auth_version is 1, 2 or 3")
        return cast("AuthVersion", found)  # one of the values above
    last = url.rpartition("/")[2]
    return "1" if last in {"v1", "v1.0"} else "2" if last == "v2.0" else "3"


def _interface(told: str | None) -> Interface:
    name = (told or "public").removesuffix("URL")
    if name not in {"public", "internal", "admin"}:
        raise _invalid("interface is public, internal or admin")
    return cast("Interface", name)  # one of the three


def _with_path(url: str, version: str) -> str:
    """A Keystone URL with its version: most people give it, and some do not."""
    return url if url.endswith(version) else url + version


def _invalid(message: str) -> InvalidArgumentError:
    return InvalidArgumentError(message, provider="swift")
