"""Credentials of a person who has logged in with ``aws sso login`` (IAM Identity Center).

The login leaves a token in a file that all AWS tools share. With the token the portal gives credentials
for a role; when it is about to end, and came with a session, it is exchanged for a new one, which goes
into the same file.

Source: https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from aiostorage._http.headers import parse_iso_date
from aiostorage._http.messages import Request
from aiostorage.errors import (
    AuthenticationError,
    InvalidArgumentError,
    PermissionDeniedError,
    StorageError,
    UnexpectedResponseError,
)
from aiostorage.providers.s3.credentials.asking import Network, configured_url, remote_client
from aiostorage.providers.s3.credentials.values import json_fields, temporary
from aiostorage.providers.s3.endpoints import is_region, partition_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiostorage.providers.s3.credentials.values import S3Credentials
    from aiostorage.providers.s3.shared_files import SharedFiles

RENEW_BEFORE: Final = timedelta(minutes=15)
"""As other tools have it: a token that ends sooner is exchanged."""

_NEEDED: Final = ("sso_start_url", "sso_region", "sso_account_id", "sso_role_name")
_PRINTABLE = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What the file of a login holds.

    Attributes:
        value: The token.
        expires_at: When it ends.
        fields: All that the file holds, for whoever writes it next.
    """

    value: str = field(repr=False)
    expires_at: datetime
    fields: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleSignOn:
    """A role that somebody who has logged in may take on.

    Attributes:
        profile: Where it is written, for errors.
        file: The file of the login.
        portal: URL of the service that gives credentials.
        oidc: URL of the service that exchanges tokens.
        account_id: The account.
        role_name: The role in it.
        has_session: Whether the token may be exchanged; those of logins without a session may not.
        network: How to reach the services.
    """

    profile: str
    file: str
    portal: str
    oidc: str
    account_id: str
    role_name: str
    has_session: bool
    network: Network

    async def fetch(self, now: datetime) -> S3Credentials:
        """The credentials of the role."""
        token = await self._token(now)
        query = urlencode({"account_id": self.account_id, "role_name": self.role_name})
        request = Request(
            operation="get_credentials",
            method="GET",
            url=f"{self.portal}/federation/credentials?{query}",
            headers={"x-amz-sso_bearer_token": token.value, "accept": "application/json"},
        )
        try:
            async with remote_client(self.network) as client:
                answer = await client.send(request)
        except AuthenticationError as error:
            if error.status == 401:
                raise self._ended() from None
            raise PermissionDeniedError(
                f"the login of profile {self.profile!r} gives no credentials for the role {self.role_name!r} "
                f"of the account {self.account_id!r}",
                **error.details(),
            ) from None
        return role_credentials(answer.body, now)

    async def _token(self, now: datetime) -> Token:
        token = await asyncio.to_thread(self._read)
        if now + RENEW_BEFORE < token.expires_at:
            return token
        if self.has_session:
            with suppress(StorageError):  # somebody else may have been faster, and the old token may still be good
                return await self._exchange(token, now)
            token = await asyncio.to_thread(self._read)
        if token.expires_at <= now:
            raise self._ended()
        return token

    async def _exchange(self, token: Token, now: datetime) -> Token:
        """A new token for the refresh token.

        Source: https://docs.aws.amazon.com/singlesignon/latest/OIDCAPIReference/API_CreateToken.html
        """
        known = token.fields
        registered_until = parse_iso_date(known.get("registrationExpiresAt"))
        asked = {name: known.get(name, "") for name in ("clientId", "clientSecret", "refreshToken")}
        if not all(asked.values()) or registered_until is None or registered_until <= now:
            raise self._ended()
        request = Request(
            operation="get_credentials",
            method="POST",
            url=f"{self.oidc}/token",
            headers={"content-type": "application/json"},
            body=json.dumps({"grantType": "refresh_token", **asked}).encode(),
            is_repeatable=False,  # a refresh token is good for once
        )
        async with remote_client(self.network) as client:
            answer = await client.send(request)
        found = json_fields(answer.body, where="the token service")
        value, lifetime = found.get("accessToken", ""), found.get("expiresIn", "")
        if not _PRINTABLE.fullmatch(value) or not re.fullmatch(r"\d{1,8}", lifetime):
            raise UnexpectedResponseError("what the token service answered is no token", provider="s3")
        end = now + timedelta(seconds=int(lifetime))
        fields = {
            **known,
            "accessToken": value,
            "expiresAt": end.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "refreshToken": found.get("refreshToken") or asked["refreshToken"],
        }
        with suppress(OSError):  # a home that is read-only: then each process exchanges for itself
            await asyncio.to_thread(_write, self.file, fields)
        return Token(value=value, expires_at=end, fields=fields)

    def _read(self) -> Token:
        where = f"the login of profile {self.profile!r}"
        try:
            content = Path(self.file).read_bytes()
        except OSError as error:
            raise AuthenticationError(
                f"nobody has logged in for profile {self.profile!r} ({type(error).__name__}); "
                f"run: aws sso login --profile {self.profile}",
                provider="s3",
            ) from None
        fields = json_fields(content, where=where)
        value, end = fields.get("accessToken", ""), parse_iso_date(fields.get("expiresAt", "").replace("UTC", "Z"))
        if not _PRINTABLE.fullmatch(value) or end is None:
            raise AuthenticationError(f"the file of {where} holds no token", provider="s3")
        return Token(value=value, expires_at=end, fields=fields)

    def _ended(self) -> AuthenticationError:
        return AuthenticationError(
            f"the login of profile {self.profile!r} has ended; run: aws sso login --profile {self.profile}",
            provider="s3",
        )


def single_sign_on(
    profile: str, files: SharedFiles, environ: Mapping[str, str], network: Network
) -> SingleSignOn | None:
    """The role that a profile names for those who have logged in; None where it names none.

    Raises:
        AuthenticationError: The profile, or its session, is half done.
        InvalidArgumentError: A setting makes no sense.
    """
    settings = files.profile(profile).settings
    if not (settings.get("sso_account_id") or settings.get("sso_role_name")):
        return None
    name = settings.get("sso_session")
    session = files.config.get(f"sso-session {name}")
    if name and session is None:
        raise AuthenticationError(f"profile {profile!r} names an sso-session {name!r} that is not there", provider="s3")
    settings = {**settings, **(session or {})}
    if missing := [setting for setting in _NEEDED if not settings.get(setting)]:
        raise AuthenticationError(f"profile {profile!r} lacks {' and '.join(missing)}", provider="s3")
    region = settings["sso_region"]
    if not is_region(region):
        raise InvalidArgumentError(f"the sso_region of profile {profile!r} is none", provider="s3")
    suffix = partition_of(region).suffix
    portal = configured_url("sso", environ, settings) or f"https://portal.sso.{region}.{suffix}"
    oidc = configured_url("sso_oidc", environ, settings) or f"https://oidc.{region}.{suffix}"
    key = hashlib.sha1((name or settings["sso_start_url"]).encode(), usedforsecurity=False).hexdigest()
    return SingleSignOn(
        profile=profile,
        file=str(Path("~/.aws/sso/cache").expanduser() / f"{key}.json"),
        portal=portal,
        oidc=oidc,
        account_id=settings["sso_account_id"],
        role_name=settings["sso_role_name"],
        has_session=bool(name),
        network=network,
    )


def role_credentials(document: bytes, now: datetime) -> S3Credentials:
    """The credentials in the answer of the portal, which tells their end in milliseconds since 1970.

    Source: https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_GetRoleCredentials.html
    """
    found = json_fields(document, where="the SSO portal", inside="roleCredentials")
    fields = {
        "AccessKeyId": found.get("accessKeyId", ""),
        "SecretAccessKey": found.get("secretAccessKey", ""),
        "SessionToken": found.get("sessionToken", ""),
    }
    expiration = found.get("expiration", "")
    if re.fullmatch(r"\d{1,14}", expiration):
        fields["Expiration"] = datetime.fromtimestamp(int(expiration) / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return temporary(fields, where="the SSO portal", now=now)


def _write(path: str, fields: Mapping[str, str]) -> None:
    """Replace the file of a login, for its owner's eyes only."""
    descriptor, name = tempfile.mkstemp(dir=Path(path).parent)  # which makes it so
    try:
        with open(descriptor, "w", encoding="ascii") as file:
            json.dump(fields, file)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
