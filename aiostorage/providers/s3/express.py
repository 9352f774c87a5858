"""Sessions with directory buckets (S3 Express One Zone): one for each bucket, renewed before it ends.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-express-create-session.html
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from aiostorage._http import xml
from aiostorage._http.client import HTTPClient
from aiostorage._http.credentials import CredentialCache
from aiostorage._http.messages import Request
from aiostorage.errors import UnexpectedResponseError, UnsupportedError
from aiostorage.providers.s3 import errors
from aiostorage.providers.s3.credentials.values import S3Credentials, temporary

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from aiostorage._http.messages import Response, Wire
    from aiostorage._http.options import HTTPOptions
    from aiostorage.models import ListQuery
    from aiostorage.providers.s3.config import Site

RENEW_BEFORE: Final = timedelta(minutes=1)
"""A session lives for five minutes."""


class Sessions:
    """The sessions of one backend. They are asked for over connections of their own.

    A request waits for its session while it holds one of the driver's connections, so what begins the
    session must not wait for another of those.

    Args:
        site: Where the buckets are.
        sign: Signs a request.
        credentials: The user's own credentials.
        options: Those of the backend.
    """

    def __init__(
        self,
        *,
        site: Callable[[], Site],
        sign: Callable[[Request, S3Credentials | None, datetime], Wire],
        credentials: CredentialCache[S3Credentials] | None,
        options: HTTPOptions,
    ) -> None:
        self._site = site
        self._http = HTTPClient[S3Credentials](
            provider="s3", sign=sign, read_error=errors.read_error, credentials=credentials, **options
        )
        self._caches: dict[str, CredentialCache[S3Credentials]] = {}

    def of(self, container: str) -> CredentialCache[S3Credentials]:
        """The credentials of the session with a directory bucket."""
        if container not in self._caches:
            self._caches[container] = CredentialCache(
                partial(self._create, container), renew_before=RENEW_BEFORE, now=self._http.now
            )
        return self._caches[container]

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _create(self, container: str) -> S3Credentials:
        request = create_session(self._site(), container)
        return session_credentials(request, await self._http.send(request), self._http.now())


def create_session(site: Site, container: str) -> Request:
    """CreateSession, for as much as the credentials allow: reading and writing, or only reading.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateSession.html
    """
    url = site.container_url(container, container)
    return Request(
        operation="create_session",
        method="GET",
        url=f"{url}{'/' if url.count('/') == 2 else ''}?session=",
        container=container,
    )


def session_credentials(request: Request, response: Response, now: datetime) -> S3Credentials:
    """The credentials in the answer to :func:`create_session`."""
    try:
        document = xml.parse(response.body)
    except xml.MalformedXMLError:
        raise errors.unexpected(request, response, "what CreateSession answered is no XML") from None
    try:
        return temporary(dict(document.records).get("Credentials", {}), where="CreateSession", now=now)
    except UnexpectedResponseError as error:
        raise errors.unexpected(request, response, error.message) from None


def check_listing(query: ListQuery) -> None:
    """Refuse what a listing in no order cannot give.

    Raises:
        UnsupportedError: It is asked for.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
    """
    if query.start_after:
        why = "the listing of a directory bucket has no order, and so no start_after"
    elif query.delimiter not in {"", "/"}:
        why = "a directory bucket is listed by no other delimiter than '/'"
    elif query.prefix and not query.prefix.endswith("/"):
        why = "a directory bucket is listed only by prefixes that end in '/'"
    else:
        return
    raise UnsupportedError(why, provider="s3", operation="list_objects")
