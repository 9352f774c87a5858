"""Where each request really goes, decided when it is signed: by what is known of its container then.

A request is built for the region that is configured. A container may turn out to be in another one;
then the service says so, once, and the same request goes to the right place from then on. Of what the
service says only the name of the region counts: where to send credentials is never up to an answer.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingRouting.html
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeVar

from aiostorage._http.canonical import canonical_query, quote_key
from aiostorage.providers.s3.endpoints import Endpoint, endpoint_of, is_region, partition_of
from aiostorage.providers.s3.errors import named_region, read_error
from aiostorage.providers.s3.signing import SESSION_TOKEN, Signer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from aiostorage._http.messages import Request, Response, Wire
    from aiostorage.errors import StorageError
    from aiostorage.providers.s3.config import Site
    from aiostorage.providers.s3.credentials import S3Credentials

K = TypeVar("K")
V = TypeVar("V")

MAX_REMEMBERED: Final = 1024
"""Containers, and routes, whose number is in the hands of others: beyond it the oldest are forgotten."""

_PAYER: Final[Mapping[str, str]] = {"x-amz-request-payer": "requester"}
_PAID_ON_CONTAINERS: Final = frozenset({"list_objects", "delete_objects", "list_uploads"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Route:
    """What becomes of the requests of one operation on one container.

    Attributes:
        built: How their URLs begin when they are built.
        sent: How they begin when they are sent.
        signer: Signs them.
        region: What they are signed for.
        scope: The same with the service, as it is in the signature.
        headers: Headers to add.
        has_session: They are signed with the credentials of a session.
    """

    built: str
    sent: str
    signer: Signer
    region: str
    scope: str
    headers: Mapping[str, str]
    has_session: bool

    def lead(self, request: Request) -> Request:
        """The request with its URL, and its headers, as they are sent."""
        if self.built == self.sent and not self.headers:
            return request
        rest = request.url[len(self.built) :]
        if request.key is None:  # a slash only where there is no other path
            rest = f"{'/' if self.sent.count('/') == 2 else ''}{rest.removeprefix('/')}"
        return replace(request, url=f"{self.sent}{rest}", headers={**request.headers, **self.headers})

    def has_made(self, wire: Wire) -> bool:
        """Whether a request was sent this way."""
        authorization = wire.headers.get("authorization")
        return wire.url.startswith(self.sent) and (authorization is None or self.scope in authorization)


class Routes:
    """The ways of one backend.

    Args:
        site: What is configured, as far as it is known.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._regions: dict[str | None, str] = {}
        self._known: dict[tuple[str | None, str, bool], _Route] = {}
        self._signers: dict[tuple[str, str], Signer] = {}

    def settle(self, site: Site) -> None:
        """Take what is configured from now on."""
        self._site = site
        self._known.clear()

    def sign(self, request: Request, credentials: S3Credentials | None, now: datetime) -> Wire:
        """What goes over the wire; without credentials unsigned."""
        route = self._route(request)
        return route.signer.sign(route.lead(request), credentials, now)

    def prepare(self, request: Request) -> tuple[Signer, str]:
        """Who signs a request that is sent later, and the URL that it is sent to then."""
        route = self._route(request)
        url = route.lead(request).url
        if route.headers:  # as a parameter it needs nothing of whoever sends it
            url = f"{url}{'&' if '?' in url else '?'}{canonical_query(route.headers.items())}"
        return route.signer, url

    def has_session(self, request: Request) -> bool:
        """Whether a request is signed with the credentials of a session with its container."""
        return self._route(request).has_session

    def read_error(self, request: Request, response: Response) -> StorageError | None:
        """The error in an answer, if it is one."""
        return read_error(request, response, region=self._route(request).region)

    def learn(self, request: Request, wire: Wire, response: Response) -> bool:
        """Look for a region in an answer that is an error; True where the request would now go another way."""
        region = named_region(response)
        if region is None or not is_region(region):
            return False
        if self._site.amazon is not None and partition_of(region) != partition_of(self._site.region):
            return False
        _remember(self._regions, request.container, region)
        for key in [key for key in self._known if key[0] == request.container]:
            del self._known[key]
        return not self._route(request).has_made(wire)

    def _route(self, request: Request) -> _Route:
        key = (request.container, request.operation, request.key is not None)
        route = self._known.get(key)
        if route is None:
            route = self._find(*key)
            _remember(self._known, key, route)
        return route

    def _find(self, container: str | None, operation: str, on_object: bool) -> _Route:
        site = self._site
        region = self._regions.get(container, site.region)
        if site.amazon is not None and operation == "create_container":
            region = site.region  # wherever one of this name has been
        if container is None:
            host = site.host if site.amazon is None else site.amazon.host("s3", region)
            found = Endpoint(url=f"{site.scheme}://{host}{site.base_path}", region=region)
            built = f"{site.scheme}://{site.host}{site.base_path}"
        else:
            quoted = quote_key(container)
            found = endpoint_of(site, container, quoted, operation=operation, on_object=on_object, region=region)
            built = site.container_url(container, quoted)
        is_paid = site.requester_pays and (on_object or operation in _PAID_ON_CONTAINERS)
        return _Route(
            built=built,
            sent=found.url,
            signer=self._signer(found),
            region=found.region,
            scope=f"/{found.region}/{found.service}/",
            headers=_PAYER if is_paid else {},
            has_session=found.has_session,
        )

    def _signer(self, endpoint: Endpoint) -> Signer:
        if endpoint.has_session:  # whose secret is no one else's, and the key derived from it neither
            return Signer(endpoint.region, endpoint.service, token_name=SESSION_TOKEN)
        key = (endpoint.region, endpoint.service)
        if key not in self._signers:
            _remember(self._signers, key, Signer(*key))
        return self._signers[key]


def _remember(known: dict[K, V], key: K, value: V) -> None:
    if len(known) >= MAX_REMEMBERED:
        del known[next(iter(known))]
    known[key] = value
