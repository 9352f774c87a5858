"""Tokens: from a login, from the user's own function, or one that is given; renewed before they end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiostorage._http.asking import asking
from aiostorage._http.credentials import CredentialCache, given_by, utc_now
from aiostorage.errors import AuthenticationError, InvalidArgumentError
from aiostorage.providers.swift import errors
from aiostorage.providers.swift.identity import Choice
from aiostorage.providers.swift.tokens import SwiftToken

if TYPE_CHECKING:
    from aiostorage._http.messages import Request, Response
    from aiostorage._http.options import HTTPOptions
    from aiostorage.errors import StorageError
    from aiostorage.providers.swift.config import Settings
    from aiostorage.providers.swift.identity import Login


def provider(settings: Settings, http_options: HTTPOptions) -> CredentialCache[SwiftToken]:
    """The source of tokens that the settings name."""
    choice = Choice(
        region=settings.region,
        interface=settings.interface,
        storage_url=settings.storage_url,
        cdn_url=settings.cdn_management_url,
    )
    if settings.credentials is not None:
        ask = settings.credentials
        return CredentialCache(lambda: given_by(ask, SwiftToken, provider="swift"))
    if settings.login is not None:
        login = settings.login
        return CredentialCache(lambda: log_in(login, choice, http_options))
    fixed = SwiftToken(
        value=settings.token or "", storage_url=settings.storage_url or "", cdn_url=settings.cdn_management_url
    )

    async def give() -> SwiftToken:
        return fixed

    return CredentialCache(give)


async def log_in(login: Login, choice: Choice, http_options: HTTPOptions) -> SwiftToken:
    """A new token, by a client of its own: a login is rare, and needs none of the account's connections.

    Raises:
        AuthenticationError: The login is refused.
        InvalidArgumentError: The account is not in the catalog.
    """
    options: HTTPOptions = {**http_options}
    options.pop("session", None)
    async with asking("swift", _read_error, **options) as client:
        response = await client.send(login.request())
    return login.read(response, choice, utc_now())


def _read_error(request: Request, response: Response) -> StorageError | None:
    """The error in the answer to a login. Its words are not shown: they may repeat what was sent."""
    if response.status in {200, 201, 203, 204}:
        return None
    kind, is_retryable = errors.meaning(response.status, request.operation)
    message = "the identity service does not answer as it should"
    if response.status in {400, 401, 403}:
        kind, message = AuthenticationError, "the identity service refuses the login"
    elif response.status in {300, 301, 302, 307, 308, 404, 405}:
        kind, message = InvalidArgumentError, "there is no identity service of this version at auth_url"
    return kind(message, status=response.status, request_id=errors.request_id(response.headers), retryable=is_retryable)
