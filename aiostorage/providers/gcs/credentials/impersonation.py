"""Access tokens of a service account, for somebody who may act as it.

Source: https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken
"""

from __future__ import annotations

from dataclasses import dataclass, field
from json import dumps
from typing import TYPE_CHECKING

from aiostorage._http import json
from aiostorage._http.asking import Network
from aiostorage._http.canonical import quote_text
from aiostorage._http.client import HTTPClient
from aiostorage._http.headers import parse_iso_date
from aiostorage._http.messages import Request
from aiostorage._http.oauth import AccessToken
from aiostorage.errors import AuthenticationError, PermissionDeniedError, UnexpectedResponseError
from aiostorage.providers.gcs import errors
from aiostorage.providers.gcs.credentials.cache import renewing, shared_cache
from aiostorage.providers.gcs.signing import sign

if TYPE_CHECKING:
    from datetime import datetime

    from aiostorage._http.messages import Response
    from aiostorage.errors import StorageError
    from aiostorage.providers.gcs.credentials.values import TokenSource

IAM_URL = "https://iamcredentials.googleapis.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Impersonation:
    """A service account, for whom another identity gets tokens."""

    base: TokenSource
    url: str
    scopes: tuple[str, ...]
    delegates: tuple[str, ...] = ()
    lifetime_s: int = 3600
    network: Network = field(default_factory=Network, compare=False)

    async def fetch(self, now: datetime) -> AccessToken:
        """A new access token."""
        resource: dict[str, object] = {"scope": list(self.scopes), "lifetime": f"{self.lifetime_s}s"}
        if self.delegates:
            resource["delegates"] = list(self.delegates)
        answer = await ask_iam(self.base, self.url, resource, self.network)
        token, expires_at = json.text(answer, "accessToken"), parse_iso_date(json.text(answer, "expireTime"))
        if not token or expires_at is None or expires_at <= now:
            raise UnexpectedResponseError("what IAM answered is no access token", provider="gcs")
        return AccessToken(token=token, expires_at=expires_at)


async def ask_iam(base: TokenSource, url: str, resource: dict[str, object], network: Network) -> json.JSONObject:
    """The answer of the service that acts in the name of service accounts.

    Raises:
        AuthenticationError: There are no credentials to ask with, or they are not accepted.
        PermissionDeniedError: They may not act as this account.
    """

    async def find(last: AccessToken | None) -> AccessToken:
        token = await shared_cache().get(base, other_than=last)
        if token is None:
            raise AuthenticationError("there are no credentials to act as a service account with", provider="gcs")
        return token

    request = Request(
        operation="get_credentials",
        method="POST",
        url=url,
        headers={"content-type": "application/json"},
        body=dumps(resource).encode(),
    )
    client = HTTPClient[AccessToken](
        provider="gcs", sign=sign, read_error=_read_error, credentials=renewing(find), **network.options()
    )
    try:
        answer = await client.send(request)
    finally:
        await client.aclose()
    try:
        return json.parse(answer.body)
    except json.MalformedJSONError:
        raise UnexpectedResponseError("what IAM answered is no JSON", provider="gcs") from None


def account_url(email: str, method: str) -> str:
    """Where something is asked of a service account."""
    return f"{IAM_URL}/v1/projects/-/serviceAccounts/{quote_text(email, '@')}:{method}"


def account_in(url: str) -> str | None:
    """The e-mail address in such a URL."""
    name = url.rpartition("/serviceAccounts/")[2].partition(":")[0]
    return name if "@" in name else None


def _read_error(request: Request, response: Response) -> StorageError | None:
    error = errors.read_error(request, response)
    if error is None or error.retryable:
        return error
    if response.status in {403, 404}:
        kind: type[StorageError] = PermissionDeniedError
        message = "the credentials may not act as this service account"
    else:
        kind, message = AuthenticationError, "IAM gives no credentials of the service account"
    return kind(message, status=response.status, code=error.code)
