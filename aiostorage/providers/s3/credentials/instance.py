"""Credentials of the role of a virtual machine, from its metadata service.

Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from aiostorage._http.call import may_have_arrived
from aiostorage._http.headers import parse_iso_date
from aiostorage._http.messages import Request
from aiostorage.errors import (
    AuthenticationError,
    InvalidArgumentError,
    StorageConnectionError,
    StorageError,
    StorageTimeoutError,
)
from aiostorage.providers.s3.credentials.asking import local_client
from aiostorage.providers.s3.credentials.values import json_fields, temporary

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from aiostorage._http.asking import Nothing
    from aiostorage._http.client import HTTPClient
    from aiostorage.providers.s3.credentials.values import S3Credentials

log: logging.Logger = logging.getLogger("aiostorage")

TOKEN_TTL_S: Final = 300
"""A token is made for each fetch, and serves for two requests."""

STABLE_FOR: Final = timedelta(minutes=15)
"""How long credentials are used that had expired when the service gave them out."""

_ROLES = "/latest/meta-data/iam/security-credentials/"
_WHERE = "the metadata service of this machine"
_ENDPOINT = re.compile(r"https?://[A-Za-z0-9.\[\]:-]+(?:/[A-Za-z0-9._~%/-]*)?")
_ROLE = re.compile(r"[A-Za-z0-9+=,.@_-]{1,128}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """The metadata service.

    Attributes:
        endpoint: Its URL.
        allows_v1: Whether to go without a token where the service knows none, or none comes back.
        timeout_s: To connect, and to wait for an answer.
        max_attempts: For each of the three requests.
    """

    endpoint: str
    allows_v1: bool = True
    timeout_s: float = 1.0
    max_attempts: int = 2

    async def fetch(self, now: datetime) -> S3Credentials | None:
        """The credentials of the machine's role; None on a machine without a role, or without this service.

        In an outage the service goes on giving out credentials that have expired, and AWS goes on taking them. Such
        ones are used for ``STABLE_FOR``, and then asked for again.

        Source: https://github.com/smithy-lang/smithy-typescript/tree/main/packages/credential-provider-imds
        ("static stability")
        """
        async with local_client(timeout_s=self.timeout_s, max_attempts=self.max_attempts) as client:
            headers = await self._token(client)
            role = None if headers is None else await self._role(client, headers)
            if headers is None or role is None:
                return None
            fields = json_fields(await self._get(client, f"{_ROLES}{role}", headers), where=_WHERE)
        if fields.get("Code", "Success") != "Success":
            raise AuthenticationError(f"{_WHERE} has a role, but no credentials for it", provider="s3")
        end = parse_iso_date(fields.get("Expiration"))
        if end is not None and end <= now:
            log.warning("%s gives out credentials that have expired; they are used until it has others", _WHERE)
            fields["Expiration"] = (now + STABLE_FOR).isoformat()
        return temporary(fields, where=_WHERE, now=now)

    async def _token(self, client: HTTPClient[Nothing]) -> Mapping[str, str] | None:
        """Headers with a session token, or without one under version 1; None where nobody is there.

        The answer does not come back to a container on a machine whose hop limit is 1; that of version 1 does.

        Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
        """
        url = f"{self.endpoint}/latest/api/token"
        asked_for = {"x-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_TTL_S)}
        try:
            answer = await client.send(Request(operation="get_credentials", method="PUT", url=url, headers=asked_for))
        except StorageConnectionError:
            return None
        except StorageTimeoutError as error:
            if not may_have_arrived(error):
                return None
            if self.allows_v1:
                return {}
            why = f"{_WHERE} gave no token in time; a container needs a hop limit of 2"
            raise StorageTimeoutError(why, **error.details()) from None
        except StorageError as error:
            if error.status in {404, 405} and self.allows_v1:
                return {}
            if error.status == 403:  # turned off for this machine
                return None
            raise
        token = answer.body.decode("ascii", "replace")
        if not re.fullmatch("[!-~]+", token):
            raise AuthenticationError(f"{_WHERE} gave a token that is none", provider="s3")
        return {"x-aws-ec2-metadata-token": token}

    async def _role(self, client: HTTPClient[Nothing], headers: Mapping[str, str]) -> str | None:
        try:
            names = await self._get(client, _ROLES, headers)
        except AuthenticationError as error:
            if error.status == 404:
                return None
            raise
        role = names.decode("ascii", "replace").strip().partition("\n")[0].strip()
        if not role:
            return None
        if not _ROLE.fullmatch(role):
            raise AuthenticationError(f"{_WHERE} names a role that cannot be", provider="s3")
        return role

    async def _get(self, client: HTTPClient[Nothing], path: str, headers: Mapping[str, str]) -> bytes:
        request = Request(operation="get_credentials", method="GET", url=f"{self.endpoint}{path}", headers=headers)
        return (await client.send(request)).body


def instance(environ: Mapping[str, str], shared: Mapping[str, str]) -> Instance | None:
    """The metadata service, unless it was turned off.

    Raises:
        InvalidArgumentError: Its endpoint cannot be.

    Source: https://docs.aws.amazon.com/sdkref/latest/guide/feature-imds-credentials.html
    """

    def setting(name: str) -> str:
        return environ.get(f"AWS_{name.upper()}") or shared.get(name) or ""

    if environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        return None
    is_ipv6 = setting("ec2_metadata_service_endpoint_mode").lower() == "ipv6"
    default = "http://[fd00:ec2::254]" if is_ipv6 else "http://169.254.169.254"
    endpoint = (setting("ec2_metadata_service_endpoint") or default).rstrip("/")
    if not _ENDPOINT.fullmatch(endpoint):
        raise InvalidArgumentError("the endpoint of the metadata service is not a URL", provider="s3")
    timeout = setting("metadata_service_timeout")
    attempts = setting("metadata_service_num_attempts")
    return Instance(
        endpoint=endpoint,
        allows_v1=setting("ec2_metadata_v1_disabled").lower() != "true",
        timeout_s=float(timeout) if re.fullmatch(r"\d{1,4}(?:\.\d{1,3})?", timeout) else 1.0,
        max_attempts=max(1, int(attempts)) if re.fullmatch(r"\d{1,3}", attempts) else 2,
    )
