"""The services of Google that hand out tokens, as far as they are specified: they refuse what is not right."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode, urlsafe_b64decode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.scripted import Answer

if TYPE_CHECKING:
    from tests.scripted import Seen

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
EMAIL = "reader@test-project.iam.gserviceaccount.com"
TARGET = "target@test-project.iam.gserviceaccount.com"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"

SECRETS = ("hunter2refresh", "hunter2client", "hunter2subject", "hunter2token", "PRIVATE KEY")
"""Everything secret in these tests, so that it can be looked for."""


@lru_cache(maxsize=1)
def private_key() -> str:
    """A key of 2048 bits; making one takes a moment."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def is_signed(content: bytes, signature: bytes) -> bool:
    """Whether a signature is by that key."""
    key = serialization.load_pem_private_key(private_key().encode(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    try:
        key.public_key().verify(signature, content, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def key_file(token_url: str) -> dict[str, str]:
    """What Google writes of a key of a service account."""
    return {
        "type": "service_account",
        "project_id": "test-project",
        "private_key_id": "key-1",
        "private_key": private_key(),
        "client_email": EMAIL,
        "token_uri": token_url,
    }


def token_answer(token: str = "hunter2token", lives_s: int = 3600) -> Answer:
    return Answer(body=json.dumps({"access_token": token, "expires_in": lives_s, "token_type": "Bearer"}).encode())


@dataclass(slots=True)
class Google:
    """Token endpoint, token exchange, IAM and the metadata server behind one address."""

    tokens: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    lives_s: int = 3600

    def __call__(self, seen: Seen) -> Answer:
        path = urlsplit(seen.target).path
        self.asked.append(path)
        match path:
            case "/token":
                return self._token(dict(parse_qsl(seen.body.decode())))
            case "/sts":
                return self._exchange(dict(parse_qsl(seen.body.decode())), seen)
            case "/subject":
                if seen.headers.get("x-subject") != "yes":
                    return Answer(status=403)
                return Answer(body=b'{"nested": 1, "id_token": "hunter2subject"}')
        if path.startswith("/computeMetadata/v1/"):
            return self._metadata(path.removeprefix("/computeMetadata/v1/"), seen)
        return self._iam(path, seen)

    def _next(self) -> str:
        return self.tokens.pop(0) if self.tokens else "hunter2token"

    def _token(self, form: dict[str, str]) -> Answer:
        if form["grant_type"] == "refresh_token":
            expected = {
                "grant_type": "refresh_token",
                "client_id": "client",
                "client_secret": "hunter2client",
                "refresh_token": "hunter2refresh",
            }
            return token_answer(self._next(), self.lives_s) if form == expected else refused("invalid_grant")
        assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        unsigned, _, signature = form["assertion"].rpartition(".")
        header, claims = (json.loads(segment(part)) for part in unsigned.split("."))
        if header != {"alg": "RS256", "typ": "JWT", "kid": "key-1"} or not is_signed(
            unsigned.encode(), segment(signature)
        ):
            return refused("invalid_grant")
        if claims["iss"] != EMAIL or claims["scope"] != SCOPE or not claims["aud"].endswith("/token"):
            return refused("invalid_scope")
        if not 0 < claims["exp"] - claims["iat"] <= 3600:
            return refused("invalid_grant")
        return token_answer(self._next(), self.lives_s)

    def _exchange(self, form: dict[str, str], seen: Seen) -> Answer:
        expected = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "audience": "//iam.googleapis.com/projects/1/pool",
            "scope": SCOPE,
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "subject_token": "hunter2subject",
        }
        if form != expected or seen.headers.get("authorization", "Basic Y2xpZW50Omh1bnRlcjJjbGllbnQ=") != (
            "Basic Y2xpZW50Omh1bnRlcjJjbGllbnQ="
        ):
            return refused("invalid_request")
        return token_answer(self._next(), self.lives_s)

    def _metadata(self, path: str, seen: Seen) -> Answer:
        if seen.headers.get("metadata-flavor") != "Google" or "x-forwarded-for" in seen.headers:
            return Answer(status=403)
        flavor = {"Metadata-Flavor": "Google"}
        match path:
            case "instance/service-accounts/default/token":
                answer = token_answer(self._next(), self.lives_s)
                return Answer(body=answer.body, headers=flavor)
            case "instance/service-accounts/default/email":
                return Answer(body=EMAIL.encode(), headers=flavor)
            case "project/project-id":
                return Answer(body=b"machine-project", headers=flavor)
        return Answer(status=404, headers=flavor)

    def _iam(self, path: str, seen: Seen) -> Answer:
        name, _, method = path.rpartition("/")[2].partition(":")
        if seen.headers.get("authorization") != "Bearer hunter2token":
            return Answer(status=401, body=b'{"error": {"code": 401, "message": "no hunter2token"}}')
        if name.replace("%40", "@") != TARGET and method != "signBlob":
            return Answer(status=403, body=b'{"error": {"code": 403, "message": "may not"}}')
        asked = json.loads(seen.body)
        if method == "generateAccessToken":
            assert asked["scope"] == [SCOPE]
            expires = (NOW + timedelta(seconds=int(asked["lifetime"].rstrip("s")))).isoformat().replace("+00:00", "Z")
            return Answer(body=json.dumps({"accessToken": "hunter2target", "expireTime": expires}).encode())
        key = serialization.load_pem_private_key(private_key().encode(), password=None)
        assert isinstance(key, rsa.RSAPrivateKey)
        signature = key.sign(b64decode(asked["payload"]), padding.PKCS1v15(), hashes.SHA256())
        return Answer(body=json.dumps({"keyId": "1", "signedBlob": b64encode(signature).decode()}).encode())


def refused(code: str) -> Answer:
    body = {"error": code, "error_description": "what was sent: hunter2refresh hunter2subject"}
    return Answer(status=400, body=json.dumps(body).encode())


def segment(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
