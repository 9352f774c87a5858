"""The services that hand out credentials, as far as their protocols are specified: they refuse what is not right."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.scripted import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.scripted import Seen

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)

SECRETS = ("hunter2key", "hunter2session", "eyJhunter2.jwt.sig", "hunter2imds", "hunter2agent", "hunter2stderr")
"""Everything secret in these tests has ``hunter2`` in it, so that it can be looked for."""

ROLES = "/latest/meta-data/iam/security-credentials/"


def keys_json(key_id: str = "ASIA1", *, expires_at: datetime | None = LATER, **more: object) -> dict[str, object]:
    fields: dict[str, object] = {"Code": "Success", "AccessKeyId": key_id, "SecretAccessKey": "hunter2key"}
    fields |= {"Token": "hunter2session", "Expiration": _iso(expires_at) if expires_at else None, **more}
    return {name: value for name, value in fields.items() if value is not None}


@dataclass(slots=True)
class Metadata:
    """The metadata service of a machine: version 2, unless it is told to be old, or is too far away to be heard.

    A token does not reach a container where the hop limit of the machine is 1.
    """

    answers: list[Mapping[str, object]] = field(default_factory=lambda: [keys_json()])
    role: str = "the-role"
    is_old: bool = False
    is_far: bool = False
    fetches: int = 0

    def __call__(self, seen: Seen) -> Answer:
        if seen.target == "/latest/api/token":
            if self.is_old:
                return Answer(status=404)
            if self.is_far:
                return Answer(raw=b"", then="stall")
            ttl = seen.headers.get("x-aws-ec2-metadata-token-ttl-seconds", "")
            is_right = seen.method == "PUT" and re.fullmatch(r"\d+", ttl) and 1 <= int(ttl) <= 21600 and not seen.body
            return Answer(body=b"hunter2imds==") if is_right else Answer(status=400)
        expected = None if self.is_old or self.is_far else "hunter2imds=="
        if seen.method != "GET" or seen.headers.get("x-aws-ec2-metadata-token") != expected:
            return Answer(status=401)
        if seen.target == ROLES:
            return Answer(body=self.role.encode()) if self.role else Answer(status=404)
        if seen.target == f"{ROLES}{self.role}":
            self.fetches += 1
            return Answer(body=json.dumps(self.answers[min(self.fetches, len(self.answers)) - 1]).encode())
        return Answer(status=404)


@dataclass(slots=True)
class SecurityTokens:
    """STS. It knows one key pair, or whatever ``secrets`` holds by key id, and checks signatures with botocore."""

    region: str = "us-east-1"
    secrets: Mapping[str, tuple[str, str | None]] = field(default_factory=lambda: {"AKIA1": ("hunter2key", None)})
    jwt: str = "eyJhunter2.jwt.sig"
    expires_at: datetime = LATER
    refusals: list[Answer] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    signers: list[str] = field(default_factory=list)

    def __call__(self, seen: Seen) -> Answer:
        form = dict(parse_qsl(seen.body.decode(), strict_parsing=True))
        self.forms.append(form)
        if self.refusals:
            return self.refusals.pop(0)
        if (seen.method, seen.target, form["Version"]) != ("POST", "/", "2011-06-15"):
            return sts_error(400, "InvalidAction")
        if not seen.headers["content-type"].startswith("application/x-www-form-urlencoded"):
            return sts_error(400, "InvalidAction")
        match form["Action"]:
            case "AssumeRole" if not self._is_signed(seen):
                return sts_error(403, "SignatureDoesNotMatch")
            case "AssumeRoleWithWebIdentity" if "authorization" in seen.headers:
                return sts_error(400, "InvalidAction")
            case "AssumeRoleWithWebIdentity" if form["WebIdentityToken"] != self.jwt:
                return sts_error(400, "InvalidIdentityToken")
        return self.granted(form["Action"], f"ASIA-{form['RoleArn'].rpartition('/')[2]}")

    def granted(self, action: str, key_id: str) -> Answer:
        credentials = (
            f"<AccessKeyId>{key_id}</AccessKeyId><SecretAccessKey>hunter2key</SecretAccessKey>"
            f"<SessionToken>hunter2session</SessionToken><Expiration>{_iso(self.expires_at)}</Expiration>"
        )
        return Answer(
            body=f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result>'
            f"<AssumedRoleUser><Arn>arn:x</Arn></AssumedRoleUser><Credentials>{credentials}</Credentials>"
            f"</{action}Result><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></{action}Response>".encode()
        )

    def _is_signed(self, seen: Seen) -> bool:
        authorization = seen.headers.get("authorization", "")
        found = re.match(
            r"AWS4-HMAC-SHA256 Credential=([^/]+)/\d+/([^/]+)/sts/aws4_request, Sig.*=(.+),", authorization
        )
        if found is None or found[1] not in self.secrets or found[2] != self.region:
            return False
        self.signers.append(found[1])
        secret, token = self.secrets[found[1]]
        added = {"host", "x-amz-date", "x-amz-security-token"}
        headers = {name: seen.headers[name] for name in found[3].split(";") if name not in added}
        request = AWSRequest("POST", f"http://{seen.headers['host']}/", headers=headers, data=seen.body)
        moment = datetime.strptime(seen.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("botocore.auth.get_current_datetime", lambda: moment)
            SigV4Auth(Credentials(found[1], secret, token), "sts", self.region).add_auth(request)
        is_whole = headers["x-amz-content-sha256"] == hashlib.sha256(seen.body).hexdigest()
        return is_whole and request.headers["Authorization"] == authorization


def sts_error(status: int, code: str, message: str = "said hunter2key and eyJhunter2.jwt.sig") -> Answer:
    body = (
        '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
        f"<Code>{code}</Code><Message>{message}</Message></Error><RequestId>req-1</RequestId></ErrorResponse>"
    )
    return Answer(status=status, headers={"x-amzn-RequestId": "req-1"}, body=body.encode())


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(slots=True)
class IdentityCenter:
    """The portal that gives credentials for a login, and the service that exchanges its tokens.

    Source: https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_GetRoleCredentials.html,
    https://docs.aws.amazon.com/singlesignon/latest/OIDCAPIReference/API_CreateToken.html
    """

    tokens: set[str] = field(default_factory=lambda: {"hunter2token"})
    refresh_token: str = "hunter2refresh"
    expires_at: datetime = LATER
    refusals: list[Answer] = field(default_factory=list)
    exchanges: int = 0
    fetches: int = 0

    def __call__(self, seen: Seen) -> Answer:
        if self.refusals:
            return self.refusals.pop(0)
        path, _, query = seen.target.partition("?")
        if (seen.method, path) == ("POST", "/token"):
            return self._exchange(seen)
        if (seen.method, path) != ("GET", "/federation/credentials") or "authorization" in seen.headers:
            return Answer(status=400, body=b'{"message": "said hunter2token"}')
        if dict(parse_qsl(query)) != {"account_id": "123456789012", "role_name": "the role+"}:
            return Answer(status=403, body=b'{"message": "No access"}')
        if seen.headers.get("x-amz-sso_bearer_token") not in self.tokens:
            return Answer(status=401, body=b'{"message": "Session token not found or invalid"}')
        self.fetches += 1
        credentials = {
            "accessKeyId": f"ASIA-sso-{self.fetches}",
            "secretAccessKey": "hunter2key",
            "sessionToken": "hunter2session",
            "expiration": int(self.expires_at.timestamp() * 1000),
        }
        return Answer(body=json.dumps({"roleCredentials": credentials}).encode())

    def _exchange(self, seen: Seen) -> Answer:
        asked = json.loads(seen.body)
        expected = {
            "grantType": "refresh_token",
            "clientId": "the-client",
            "clientSecret": "hunter2client",
            "refreshToken": self.refresh_token,
        }
        if asked != expected or seen.headers["content-type"] != "application/json":
            return Answer(status=400, body=b'{"error": "invalid_grant", "error_description": "hunter2refresh"}')
        self.exchanges += 1
        self.refresh_token = f"hunter2refresh{self.exchanges}"
        self.tokens = {f"hunter2token{self.exchanges}"}
        answer = {"accessToken": f"hunter2token{self.exchanges}", "tokenType": "Bearer", "expiresIn": 3600}
        return Answer(body=json.dumps({**answer, "refreshToken": self.refresh_token}).encode())
