"""Who asks: what the options name, or the default credentials of an application.

Source: https://cloud.google.com/docs/authentication/application-default-credentials
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from aiostorage._http import json, oauth
from aiostorage._http.asking import network_of
from aiostorage._http.credentials import given_by
from aiostorage._http.oauth import AccessToken
from aiostorage.errors import AuthenticationError, UnsupportedError
from aiostorage.providers.gcs.config import SCOPES
from aiostorage.providers.gcs.credentials.cache import renewing, shared_cache
from aiostorage.providers.gcs.credentials.federation import Federation, subject_token
from aiostorage.providers.gcs.credentials.impersonation import Impersonation, account_in, account_url
from aiostorage.providers.gcs.credentials.machine import Machine, machine
from aiostorage.providers.gcs.credentials.service_account import ServiceAccount
from aiostorage.providers.gcs.credentials.user import AuthorizedUser
from aiostorage.providers.gcs.credentials.values import TOKEN_URL, Identity, needed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from aiostorage._http.asking import Network
    from aiostorage._http.credentials import CredentialCache
    from aiostorage._http.json import JSONObject
    from aiostorage._http.options import HTTPOptions
    from aiostorage.providers.gcs.config import Settings


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """A function of the user's. It is nobody else's source, and need not be hashable."""

    function: Callable[[], Awaitable[AccessToken]]

    async def fetch(self, now: datetime) -> AccessToken:
        """What it gives."""
        return await given_by(self.function, AccessToken, provider="gcs")


class Identities:
    """Finds out once who asks, when that is first of interest.

    Args:
        settings: What the user has said.
        environ: The environment.
        options: For the network.
    """

    def __init__(self, settings: Settings, environ: Mapping[str, str], options: HTTPOptions) -> None:
        self._settings = settings
        self._environ = environ
        self.network: Network = network_of(options)
        self._found: Identity | None = None

    def tokens(self) -> CredentialCache[AccessToken]:
        """The tokens of whoever asks, renewed as needed."""

        async def find(last: AccessToken | None) -> AccessToken:
            identity = await self.find()
            token = await shared_cache().get(identity.source, other_than=last)
            if token is None:
                raise AuthenticationError(NO_CREDENTIALS, provider="gcs")
            return token

        return renewing(find)

    async def find(self) -> Identity:
        """Who asks.

        Raises:
            AuthenticationError: Nothing says so, or what does is damaged.
            UnsupportedError: It says so in a way that is not known here.
        """
        if self._found is None:
            self._found = self._impersonated(await self._own())
        return self._found

    async def project(self) -> str | None:
        """The project of whoever asks, as far as it is known."""
        identity = await self.find()
        if identity.project is None and isinstance(identity.source, Machine):
            identity = self._found = replace(identity, project=await identity.source.project())
        return identity.project

    async def account(self) -> str | None:
        """The service account that whoever asks is."""
        identity = await self.find()
        if identity.account is None and isinstance(identity.source, Machine):
            identity = self._found = replace(identity, account=await identity.source.email())
        return identity.account

    async def _own(self) -> Identity:
        settings = self._settings
        if settings.credentials is not None:
            return Identity(source=Given(settings.credentials))
        if settings.credentials_file is not None:
            return await self._read(Path(settings.credentials_file))
        if named := self._environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
            return await self._read(Path(named))
        login = login_file(self._environ)
        if login is not None and await asyncio.to_thread(login.is_file):
            return await self._read(login)
        found = machine(self._environ, settings.scopes)
        if found is None:
            raise AuthenticationError(NO_CREDENTIALS, provider="gcs")
        return Identity(source=found)

    async def _read(self, path: Path) -> Identity:
        where = str(path)
        try:
            document = json.parse(await asyncio.to_thread(path.read_bytes))
        except OSError as error:
            raise AuthenticationError(f"cannot read {where}: {type(error).__name__}", provider="gcs") from None
        except json.MalformedJSONError:
            raise AuthenticationError(f"{where} holds no credentials in JSON", provider="gcs") from None
        return identity_in(document, self._settings.scopes, self.network, where=where)

    def _impersonated(self, identity: Identity) -> Identity:
        email = self._settings.service_account
        if email is None:
            return identity
        url = account_url(email, "generateAccessToken")
        source = Impersonation(base=identity.source, url=url, scopes=self._settings.scopes, network=self.network)
        return replace(identity, source=source, account=email, key=None, impersonation=source)


NO_CREDENTIALS = (
    "no credentials found; looked at: the arguments; GOOGLE_APPLICATION_CREDENTIALS; the login of gcloud; the metadata "
    "server of the machine. Pass anonymous=True to go without"
)


def login_file(environ: Mapping[str, str]) -> Path | None:
    """The file that ``gcloud auth application-default login`` writes."""
    name = "application_default_credentials.json"
    if folder := environ.get("CLOUDSDK_CONFIG"):
        return Path(folder) / name
    if os.name == "nt":
        return Path(environ["APPDATA"]) / "gcloud" / name if environ.get("APPDATA") else None
    home = environ.get("HOME")
    return Path(home) / ".config" / "gcloud" / name if home else None


def identity_in(document: JSONObject, scopes: tuple[str, ...], network: Network, *, where: str) -> Identity:
    """Whoever a file of credentials is about.

    Raises:
        AuthenticationError: Something is missing in it.
        UnsupportedError: It is of another type than those known here.
        InvalidArgumentError: Secrets would go to a URL without TLS.
    """

    def url(name: str, default: str | None = None) -> str:
        found = json.text(document, name) or default or needed(document, name, where=where)
        return oauth.check_url(found, what=f"{name} in {where}")

    match json.text(document, "type"):
        case "service_account":
            account = ServiceAccount(
                email=needed(document, "client_email", where=where),
                private_key=needed(document, "private_key", where=where),
                key_id=json.text(document, "private_key_id"),
                token_url=url("token_uri", TOKEN_URL),
                scopes=scopes,
                network=network,
            )
            return Identity(
                source=account, account=account.email, key=account, project=json.text(document, "project_id")
            )
        case "authorized_user":
            user = AuthorizedUser(
                client_id=needed(document, "client_id", where=where),
                client_secret=needed(document, "client_secret", where=where),
                refresh_token=needed(document, "refresh_token", where=where),
                token_url=url("token_uri", TOKEN_URL),
                network=network,
            )
            return Identity(source=user, project=json.text(document, "quota_project_id"))
        case "external_account":
            impersonated = json.text(document, "service_account_impersonation_url")
            audience = needed(document, "audience", where=where)
            token_type = needed(document, "subject_token_type", where=where)
            federation = Federation(
                audience=audience,
                subject_token_type=token_type,
                token_url=url("token_url"),
                subject_token=subject_token(
                    json.member(document, "credential_source"),
                    where=where,
                    audience=audience,
                    subject_token_type=token_type,
                    account=None if impersonated is None else account_in(impersonated),
                ),
                scopes=scopes if impersonated is None else SCOPES,
                client_id=json.text(document, "client_id"),
                client_secret=json.text(document, "client_secret"),
                workforce_pool_user_project=json.text(document, "workforce_pool_user_project"),
                network=network,
            )
            if impersonated is None:
                return Identity(source=federation)
            target = url("service_account_impersonation_url")
            lifetime = json.integer(json.member(document, "service_account_impersonation"), "token_lifetime_seconds")
            source = Impersonation(
                base=federation, url=target, scopes=scopes, lifetime_s=lifetime or 3600, network=network
            )
            return Identity(source=source, account=account_in(target))
        case "impersonated_service_account":
            base = identity_in(json.member(document, "source_credentials"), SCOPES, network, where=where)
            target = url("service_account_impersonation_url")
            source = Impersonation(
                base=base.source,
                url=target,
                scopes=scopes,
                delegates=tuple(json.texts(document, "delegates")),
                network=network,
            )
            return Identity(source=source, account=account_in(target), impersonation=source, project=base.project)
        case kind:
            raise UnsupportedError(
                f"credentials of type {kind!r}, in {where}, are not supported; give a credentials function",
                provider="gcs",
            )
