"""Access tokens for the key of a service account: an assertion that is signed with it.

Source: https://developers.google.com/identity/protocols/oauth2/service-account#httprest
"""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from aiostorage._http import oauth
from aiostorage._http.asking import Network, asking
from aiostorage.errors import AuthenticationError, UnsupportedError
from aiostorage.providers.gcs.credentials.values import TOKEN_URL

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from aiostorage._http.oauth import AccessToken

LIFETIME_S: Final = 3600
CLOCK_SKEW_S: Final = 30
"""An assertion that is from the future is refused, so it is dated back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccount:
    """A service account, with its private key."""

    email: str
    private_key: str = field(repr=False)
    key_id: str | None = None
    token_url: str = TOKEN_URL
    scopes: tuple[str, ...] = ()
    network: Network = field(default_factory=Network, compare=False)

    async def fetch(self, now: datetime) -> AccessToken:
        """A new access token."""
        assertion = await asyncio.to_thread(self._assertion, int(now.timestamp()))
        request = oauth.token_request(
            self.token_url, {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
        )
        async with asking("gcs", oauth.read_error, **self.network.options()) as client:
            answer = await client.send(request)
        return oauth.token_in(answer.body, now, where=self.token_url)

    async def sign(self, content: bytes) -> bytes:
        """The signature of some bytes, RSA with SHA-256."""
        return await asyncio.to_thread(sign_rsa, self.private_key, content)

    def _assertion(self, now_s: int) -> str:
        key_id = {} if self.key_id is None else {"kid": self.key_id}
        header = {"alg": "RS256", "typ": "JWT", **key_id}
        claims = {
            "iss": self.email,
            "scope": " ".join(self.scopes),
            "aud": self.token_url,
            "iat": now_s - CLOCK_SKEW_S,
            "exp": now_s - CLOCK_SKEW_S + LIFETIME_S,
        }
        unsigned = f"{_segment(json.dumps(header).encode())}.{_segment(json.dumps(claims).encode())}"
        return f"{unsigned}.{_segment(sign_rsa(self.private_key, unsigned.encode()))}"


def sign_rsa(private_key: str, content: bytes) -> bytes:
    """A signature by RSA (PKCS #1 1.5) with SHA-256. It takes a millisecond, and importing takes longer: use a thread.

    Raises:
        AuthenticationError: The key is none.
        UnsupportedError: The extra ``gcp`` is not installed.
    """
    try:
        from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - an extra
        from cryptography.hazmat.primitives.asymmetric import padding  # noqa: PLC0415
    except ImportError:
        raise UnsupportedError(
            "signing with a service account's key needs cryptography: install aiostorage[gcp]", provider="gcs"
        ) from None
    key = _load(private_key)
    return key.sign(content, padding.PKCS1v15(), hashes.SHA256())


@lru_cache(maxsize=8)  # reading a key takes longer than signing with it
def _load(private_key: str) -> RSAPrivateKey:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - an extra
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415

    try:
        key = serialization.load_pem_private_key(private_key.encode(), password=None)
    except (ValueError, TypeError):  # not chained, and without its words: they are about a secret
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise AuthenticationError("the private key of the service account is no RSA key in PEM", provider="gcs")
    return key


def _segment(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")
