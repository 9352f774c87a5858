"""Logins: how to ask TempAuth and Keystone for a token, and how to read what they answer. Pure.

Source: https://docs.openstack.org/api-ref/identity/v3/,
https://docs.openstack.org/api-ref/identity/v2/,
https://docs.openstack.org/swift/latest/overview_auth.html
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from aiostorage._http.endpoints import parse_endpoint
from aiostorage._http.failures import scrub
from aiostorage._http.headers import parse_iso_date
from aiostorage._http.json import JSONObject, MalformedJSONError, member, objects, parse, text
from aiostorage._http.messages import Request
from aiostorage.errors import AuthenticationError, InvalidArgumentError, UnexpectedResponseError
from aiostorage.providers.swift.tokens import SwiftToken

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from aiostorage._http.messages import Response

Interface: TypeAlias = Literal["public", "internal", "admin"]

STORE: Final = "object-store"
CDN: Final = "rax:object-cdn"

UNTOLD_LIFE: Final = timedelta(hours=1)
"""How long a token is taken to live whose end nobody tells."""

_SECRET = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Something that Keystone knows by an id, or by a name within a domain."""

    id: str | None = None
    name: str | None = None
    domain: Named | None = None

    def __bool__(self) -> bool:
        return self.id is not None or self.name is not None

    def reference(self) -> dict[str, object]:
        """How a request names it: by its id, where there is one."""
        if self.id is not None:
            return {"id": self.id}
        reference: dict[str, object] = {"name": self.name}
        if self.domain is not None:
            reference["domain"] = self.domain.reference()
        return reference


DEFAULT_DOMAIN: Final = Named(id="default")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which endpoint of a catalog to take, or another URL that goes before it."""

    region: str | None = None
    interface: Interface = "public"
    storage_url: str | None = None
    cdn_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TempAuth:
    """The login of version 1, which Swift itself can serve."""

    url: str
    user: str
    key: str = field(repr=False)

    def request(self) -> Request:
        """Asks for a token."""
        headers = {"x-auth-user": self.user, "x-auth-key": self.key}
        headers |= {"x-storage-user": self.user, "x-storage-pass": self.key}  # what the oldest servers call them
        return Request(operation="authenticate", method="GET", url=self.url, headers=headers)

    def read(self, response: Response, choice: Choice, now: datetime) -> SwiftToken:
        """The token in an answer."""
        headers = response.headers
        life = headers.get("x-auth-token-expires", "")
        return SwiftToken(
            value=_token(headers.get("x-auth-token") or headers.get("x-storage-token")),
            storage_url=choice.storage_url or _storage_url(headers.get("x-storage-url"), self.url, choice),
            cdn_url=choice.cdn_url or _cdn_url(headers.get("x-cdn-management-url"), self.url, choice),
            expires_at=now + (timedelta(seconds=int(life)) if re.fullmatch("[0-9]{1,9}", life) else UNTOLD_LIFE),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Keystone2:
    """The login of Keystone's version 2. Without a ``username`` the ``secret`` is a token."""

    url: str
    username: str | None = None
    secret: str = field(repr=False)
    tenant: Named

    def request(self) -> Request:
        """Asks for a token."""
        auth: dict[str, object] = {"token": {"id": self.secret}}
        if self.username is not None:
            auth = {"passwordCredentials": {"username": self.username, "password": self.secret}}
        if self.tenant.id is not None:
            auth["tenantId"] = self.tenant.id
        elif self.tenant.name is not None:
            auth["tenantName"] = self.tenant.name
        return _post(f"{self.url}/tokens", {"auth": auth})

    def read(self, response: Response, choice: Choice, now: datetime) -> SwiftToken:
        """The token in an answer."""
        access = member(_document(response), "access")
        token = member(access, "token")
        endpoints = [
            _Endpoint(kind=text(service, "type"), region=text(endpoint, "region"), url=url)
            for service in objects(access, "serviceCatalog")
            for endpoint in objects(service, "endpoints")
            if (url := text(endpoint, f"{choice.interface}URL")) is not None
        ]
        return _from_catalog(text(token, "id"), text(token, "expires"), endpoints, self.url, choice, now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keystone3:
    """The login of Keystone's version 3, with a password, an application credential, or a token."""

    url: str
    user: Named | None = None
    application_credential: Named | None = None
    secret: str = field(repr=False)
    project: Named | None = None

    def request(self) -> Request:
        """Asks for a token of the project. An application credential has its project by itself."""
        auth: dict[str, object] = {"identity": self._identity()}
        if self.project:
            auth["scope"] = {"project": self.project.reference()}
        return _post(f"{self.url}/auth/tokens", {"auth": auth})

    def _identity(self) -> dict[str, object]:
        if self.application_credential is not None:
            named = self.application_credential.reference()
            if self.application_credential.id is None and self.user is not None:
                named["user"] = self.user.reference()
            return {
                "methods": ["application_credential"],
                "application_credential": {**named, "secret": self.secret},
            }
        if self.user is not None:
            user = {**self.user.reference(), "password": self.secret}
            return {"methods": ["password"], "password": {"user": user}}
        return {"methods": ["token"], "token": {"id": self.secret}}

    def read(self, response: Response, choice: Choice, now: datetime) -> SwiftToken:
        """The token in an answer."""
        token = member(_document(response), "token")
        endpoints = [
            _Endpoint(kind=text(service, "type"), region=text(endpoint, "region"), url=url)
            for service in objects(token, "catalog")
            for endpoint in objects(service, "endpoints")
            if text(endpoint, "interface") == choice.interface and (url := text(endpoint, "url")) is not None
        ]
        value, end = response.headers.get("x-subject-token"), text(token, "expires_at")
        return _from_catalog(value, end, endpoints, self.url, choice, now)


Login: TypeAlias = TempAuth | Keystone2 | Keystone3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Endpoint:
    kind: str | None
    region: str | None
    url: str


def _post(url: str, document: Mapping[str, object]) -> Request:
    headers = {"content-type": "application/json", "accept": "application/json"}
    return Request(
        operation="authenticate", method="POST", url=url, headers=headers, body=json.dumps(document).encode()
    )


def _document(response: Response) -> JSONObject:
    try:
        return parse(response.body)
    except MalformedJSONError:
        raise UnexpectedResponseError("what the identity service answered is no JSON", provider="swift") from None


def _from_catalog(
    value: str | None, end: str | None, endpoints: Sequence[_Endpoint], auth_url: str, choice: Choice, now: datetime
) -> SwiftToken:
    found = _pick(endpoints, STORE, choice.region)
    if found is None and choice.storage_url is None:
        raise _not_in_catalog(endpoints, choice)
    return SwiftToken(
        value=_token(value),
        storage_url=choice.storage_url or _storage_url(found, auth_url, choice),
        cdn_url=choice.cdn_url or _cdn_url(_pick(endpoints, CDN, choice.region), auth_url, choice),
        expires_at=parse_iso_date(end) or now + UNTOLD_LIFE,
    )


def _pick(endpoints: Sequence[_Endpoint], kind: str, region: str | None) -> str | None:
    return next((found.url for found in endpoints if found.kind == kind and region in {None, found.region}), None)


def _not_in_catalog(endpoints: Sequence[_Endpoint], choice: Choice) -> InvalidArgumentError:
    regions = sorted({found.region or "" for found in endpoints if found.kind == STORE})
    if not endpoints:
        why = "the token has no catalog; perhaps no project was named"
    elif regions:
        why = f"the {choice.interface} endpoints for objects are in the regions {scrub(', '.join(regions))}"
    else:
        why = f"the catalog has no {choice.interface} endpoint for objects"
    return InvalidArgumentError(why, provider="swift")


def _token(value: str | None) -> str:
    if value is None or not _SECRET.fullmatch(value):
        raise UnexpectedResponseError("what the identity service answered holds no token", provider="swift")
    return value


def _storage_url(url: str | None, auth_url: str, choice: Choice) -> str:
    if url is None:
        raise UnexpectedResponseError("the answer to the login does not say where the account is", provider="swift")
    if _is_exposed(url, auth_url, choice):
        raise AuthenticationError(
            "the login is by https and names an account by http, where anybody could read the token; give storage_url",
            provider="swift",
        )
    return check_url(url, "the account's URL")


def _cdn_url(url: str | None, auth_url: str, choice: Choice) -> str | None:
    """None also where it is not to be used: the account works without it."""
    return None if url is None or _is_exposed(url, auth_url, choice) else url


def _is_exposed(url: str, auth_url: str, choice: Choice) -> bool:
    """Whether the token would go in the clear to where the login, which was by TLS, has sent us.

    A proxy that ends TLS is often not known to the server behind it.
    """
    return choice.interface == "public" and urlsplit(auth_url).scheme == "https" and urlsplit(url).scheme != "https"


def check_url(url: str, what: str) -> str:
    """A URL without a slash at its end.

    Raises:
        InvalidArgumentError: It is not of the kind that is needed.
    """
    try:
        scheme, host, path = parse_endpoint(url)
    except InvalidArgumentError:
        message = f"{what} looks like https://host:port/path, and no more"
        raise InvalidArgumentError(message, provider="swift") from None
    return f"{scheme}://{host}{path}"
