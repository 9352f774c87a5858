"""Who may call: accounts with their keys, and the tokens that were given out.

``cryptography`` is imported when an RSA key is made or used.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiostorage.testing.gcs.errors import invalid_credentials
from aiostorage.testing.gcs.messages import Record, parse_json, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

DEFAULT_EMAIL = "tester@test-project.iam.gserviceaccount.com"
"""The account of the metadata server, and of whoever exchanges a token of another identity provider."""

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
MAX_ASSERTION_S = 3600
SKEW_S = 300


class InvalidGrantError(Exception):
    """What was handed in for a token is not worth one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token that was given out, to whom, and until when in seconds since the epoch."""

    value: str = field(repr=False)
    email: str
    expires: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """An application that a user has let in, as a file of application default credentials has it."""

    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)


class Accounts:
    """Keys, secrets and tokens.

    Args:
        clock: Seconds since the epoch.
        new_id: Makes what nobody guesses.
        token_s: How long a token lives.

    Attributes:
        clients: Applications by their refresh token.
        subject_tokens: Tokens of another identity provider that may be exchanged.
        hmac_secrets: Secrets by access id.
    """

    def __init__(self, *, clock: Callable[[], float], new_id: Callable[[], str], token_s: float) -> None:
        self._clock: Callable[[], float] = clock
        self._new_id: Callable[[], str] = new_id
        self._token_s: float = token_s
        self._keys: dict[str, dict[str, RSAPublicKey]] = {}
        self._own_keys: dict[str, tuple[str, RSAPrivateKey]] = {}
        self._tokens: dict[str, Token] = {}
        self.clients: dict[str, Client] = {}
        self.subject_tokens: set[str] = set()
        self.hmac_secrets: dict[str, str] = {}

    def new_key(self, email: str, token_uri: str, *, project: str) -> Record:
        """A new key of a service account, as the file that a console hands out."""
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - an optional package

        key = _new_private_key()
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        key_id = hashlib.sha1(pem, usedforsecurity=False).hexdigest()
        self._keys.setdefault(email, {})[key_id] = key.public_key()
        return {
            "type": "service_account",
            "project_id": project,
            "private_key_id": key_id,
            "private_key": pem.decode(),
            "client_email": email,
            "client_id": str(int(key_id[:16], 16)),
            "token_uri": token_uri,
            "universe_domain": "googleapis.com",
        }

    def new_hmac_key(self) -> tuple[str, str]:
        """A new access id and its secret."""
        access_id = "GOOG1E" + base64.b32encode(hashlib.sha512(self._new_id().encode()).digest()).decode()[:55]
        secret = base64.b64encode(hashlib.sha256(self._new_id().encode()).digest()[:30]).decode()
        self.hmac_secrets[access_id] = secret
        return access_id, secret

    def new_client(self) -> Client:
        """An application that a user has let in."""
        client = Client(
            client_id=f"{self._new_id()[:12]}.apps.googleusercontent.com",
            client_secret=self._new_id()[:24],
            refresh_token=f"1//{self._new_id()}",
        )
        self.clients[client.refresh_token] = client
        return client

    def new_token(self, email: str, lifetime_s: float | None = None) -> Token:
        """An access token."""
        expires = self._clock() + (self._token_s if lifetime_s is None else lifetime_s)
        token = Token(value=f"ya29.{self._new_id()}", email=email, expires=expires)
        self._tokens[token.value] = token
        return token

    def revoke_tokens(self) -> None:
        """Let no token be valid any more that was given out so far."""
        self._tokens.clear()

    def caller(self, token: str, audience: str) -> str:
        """The account of whoever calls with a token: one of ours, or one that its account has signed itself.

        Raises:
            GCSError: It is neither, or it has expired.
        """
        known = self._tokens.get(token)
        if known is not None and known.expires > self._clock():
            return known.email
        if known is None and token.count(".") == 2:
            try:
                claims = self.check_assertion(token)
            except InvalidGrantError:
                raise invalid_credentials() from None
            if claims.get("sub") == claims.get("iss") and (claims.get("aud") == audience or "scope" in claims):
                return str(claims["iss"])
        raise invalid_credentials()

    def check_assertion(self, assertion: str) -> Record:
        """The claims of a JWT that one of the accounts has signed.

        Source: https://developers.google.com/identity/protocols/oauth2/service-account

        Raises:
            InvalidGrantError: Nobody has, or its time is not now.
        """
        try:
            head, payload, signature = assertion.split(".")
            header, claims = parse_json(_base64url(head)), parse_json(_base64url(payload))
            email, key_id = text(claims, "iss") or "", text(header, "kid")
            raw = _base64url(signature)
        except Exception as error:
            raise InvalidGrantError("Invalid JWT: it cannot be read.") from error
        if header.get("alg") != "RS256":
            raise InvalidGrantError("Invalid JWT: its algorithm is not RS256.")
        if email not in self._keys:
            raise InvalidGrantError("Invalid grant: account not found")
        if not self.verify(email, f"{head}.{payload}".encode(), raw, key_id=key_id):
            raise InvalidGrantError("Invalid JWT Signature.")
        issued, expires, now = claims.get("iat"), claims.get("exp"), self._clock()
        timely = (
            isinstance(issued, (int, float))
            and isinstance(expires, (int, float))
            and issued - SKEW_S <= now < expires + SKEW_S
            and 0 < expires - issued <= MAX_ASSERTION_S
        )
        if not timely:
            message = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."
            raise InvalidGrantError(message)
        return claims

    def verify(self, email: str, message: bytes, signature: bytes, *, key_id: str | None = None) -> bool:
        """Whether one of an account's keys has signed a message with RSA and SHA-256."""
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - an optional package
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415

        for known_id, key in self._keys.get(email, {}).items():
            if key_id not in {None, known_id}:
                continue
            try:
                key.verify(signature, message, PKCS1v15(), SHA256())
            except InvalidSignature:
                continue
            return True
        return False

    def sign(self, email: str, message: bytes) -> tuple[str, bytes]:
        """The id of a key that the service keeps for an account, and what it signs."""
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415 - an optional package
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415

        if email not in self._own_keys:
            key_id, private = hashlib.sha1(email.encode(), usedforsecurity=False).hexdigest(), _new_private_key()
            self._own_keys[email] = key_id, private
            self._keys.setdefault(email, {})[key_id] = private.public_key()
        key_id, private = self._own_keys[email]
        return key_id, private.sign(message, PKCS1v15(), SHA256())

    def verify_hmac(self, access_id: str, scope: tuple[str, ...], message: bytes, signature: bytes) -> bool:
        """Whether a message is signed by the key that is derived of a secret and a scope.

        Source: https://cloud.google.com/storage/docs/authentication/signatures
        """
        secret = self.hmac_secrets.get(access_id)
        if secret is None:
            return False
        key = f"GOOG4{secret}".encode()
        for step in scope:
            key = hmac.digest(key, step.encode(), "sha256")
        return hmac.compare_digest(hmac.digest(key, message, "sha256"), signature)


def _new_private_key() -> RSAPrivateKey:
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415 - an optional package

    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _base64url(data: str) -> bytes:
    return base64.urlsafe_b64decode(data + "=" * (-len(data) % 4))
