"""Content delivery for the containers of a service that speaks S3: any public URL, or CloudFront."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING

from aiostorage._http.client import HTTPClient
from aiostorage._http.delivery import PublicCDN, check_base_url
from aiostorage.errors import AuthenticationError, InvalidArgumentError, UnsupportedError
from aiostorage.providers.s3 import cloudfront
from aiostorage.providers.s3.credentials import S3Credentials
from aiostorage.providers.s3.errors import read_error
from aiostorage.providers.s3.signing import Signer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from aiostorage._http.credentials import CredentialCache
    from aiostorage._http.messages import Request, Wire
    from aiostorage._http.options import HTTPOptions
    from aiostorage.backend import CDN
    from aiostorage.models import CDNPolicy, PresignedRequest, SignedCookies
    from aiostorage.providers.s3.cloudfront import Sign
    from aiostorage.providers.s3.distribution import CloudFront, Distribution


class Delivery:
    """The CDNs of a driver.

    Args:
        option: As in :class:`~aiostorage.providers.s3.config.S3Options`.
        credentials: Who purges.
        region: That of S3, once it is known; it tells where CloudFront is asked.
        now: The time.
        http_options: How to ask it.

    Raises:
        InvalidArgumentError: A URL is none.
    """

    def __init__(
        self,
        option: Distribution | Mapping[str, Distribution] | None,
        *,
        credentials: CredentialCache[S3Credentials] | None,
        region: Callable[[], str],
        now: Callable[[], datetime],
        http_options: HTTPOptions,
    ) -> None:
        self.now: Callable[[], datetime] = now
        self.region: Callable[[], str] = region
        self._named = {name: _checked(each) for name, each in option.items()} if isinstance(option, Mapping) else {}
        self._other = None if option is None or isinstance(option, Mapping) else _checked(option)
        self._keys: dict[CloudFront, Sign] = {}
        self._credentials = credentials
        self._signer: Signer | None = None
        self._http = HTTPClient[S3Credentials](
            provider="s3", sign=self._sign, read_error=read_error, credentials=credentials, **http_options
        )

    @property
    def is_configured(self) -> bool:
        """Whether any container has a CDN."""
        return bool(self._named) or self._other is not None

    def of(self, container: str) -> CDN:
        """The CDN of a container.

        Raises:
            UnsupportedError: It has none.
        """
        distribution = self._named.get(container, self._other)
        if distribution is None:
            raise UnsupportedError("no CDN is configured for the container", provider="s3", operation="cdn")
        if isinstance(distribution, str):
            return PublicCDN("s3", container, distribution)
        return CloudFrontCDN(self, container, distribution)

    async def key_of(self, distribution: CloudFront) -> Sign | None:
        """What signs for a distribution; None where it has no key."""
        if distribution.private_key is None:
            return None
        if distribution not in self._keys:  # reading a key takes milliseconds, importing cryptography many
            self._keys[distribution] = await asyncio.to_thread(_read_key, distribution)
        return self._keys[distribution]

    async def send(self, request: Request) -> None:
        """Ask CloudFront for something.

        Raises:
            AuthenticationError: There is nobody to ask for it.
        """
        if self._credentials is None:
            raise AuthenticationError("anonymous access can purge nothing", provider="s3", operation="purge")
        await self._http.send(request)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    def _sign(self, request: Request, found: S3Credentials | None, now: datetime) -> Wire:
        if self._signer is None:
            self._signer = Signer(cloudfront.service_of(self.region())[1], "cloudfront")
        return self._signer.sign(request, found, now)


class CloudFrontCDN(PublicCDN):
    """A distribution in front of a container."""

    def __init__(self, delivery: Delivery, container: str, distribution: CloudFront) -> None:
        super().__init__("s3", container, distribution.base_url)
        self._delivery = delivery
        self._distribution = distribution

    async def signed_url(self, key: str, policy: CDNPolicy) -> PresignedRequest:
        """A URL that works for a while, by a canned policy where that says it all."""
        sign = await self._delivery.key_of(self._distribution)
        if sign is None:
            return await super().signed_url(key, policy)
        url = self.url(key)
        resource = url if policy.prefix is None else self._resource(policy.prefix)
        return cloudfront.signed_url(self._distribution, url, resource, policy, self._delivery.now(), sign)

    async def signed_cookies(self, key: str | None, policy: CDNPolicy) -> SignedCookies:
        """Cookies that work for a while, by a canned policy where that says it all."""
        sign = await self._delivery.key_of(self._distribution)
        if sign is None:
            return await super().signed_cookies(key, policy)
        resource = self._resource(policy.prefix or "") if key is None else self.url(key)
        return cloudfront.signed_cookies(self._distribution, resource, policy, self._delivery.now(), sign)

    async def purge(self, keys: Sequence[str], *, prefixes: Sequence[str]) -> None:
        """Have copies dropped, of at most 3000 objects or 15 prefixes with one request."""
        distribution = self._distribution
        if distribution.distribution_id is None:
            await super().purge(keys, prefixes=prefixes)
            return
        requests = cloudfront.invalidations(
            distribution.distribution_id,
            distribution.endpoint or cloudfront.service_of(self._delivery.region())[0],
            cloudfront.viewed_paths(self.base_url, keys),
            cloudfront.viewed_paths(self.base_url, prefixes, end="*"),
            lambda: secrets.token_hex(16),
        )
        for request in requests:
            await self._delivery.send(request)

    def _resource(self, prefix: str) -> str:
        return f"{self.url(prefix)}*"


def _checked(option: Distribution) -> Distribution:
    return check_base_url(option) if isinstance(option, str) else option


def _read_key(distribution: CloudFront) -> Sign:
    """What signs with a private key. Messages are without the words of whoever read the key: it is a secret."""
    try:
        from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 - an extra
        from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa  # noqa: PLC0415
    except ImportError:
        raise UnsupportedError(
            "signing for CloudFront needs cryptography: install aiostorage[aws]", provider="s3"
        ) from None
    pem = distribution.private_key or b""
    try:
        key = serialization.load_pem_private_key(pem.encode() if isinstance(pem, str) else pem, password=None)
    except (ValueError, TypeError):
        key = None
    algorithm = hashes.SHA256() if distribution.hash_algorithm == "sha256" else hashes.SHA1()  # noqa: S303 - see there
    if isinstance(key, rsa.RSAPrivateKey):
        private_key = key
        return lambda content: private_key.sign(content, padding.PKCS1v15(), algorithm)
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        elliptic_key = key
        return lambda content: elliptic_key.sign(content, ec.ECDSA(algorithm))
    raise InvalidArgumentError("private_key is an RSA key or one on P-256, in PEM, without a password", provider="s3")
