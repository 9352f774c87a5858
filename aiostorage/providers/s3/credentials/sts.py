"""Credentials of a role, from the Security Token Service.

Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from aiostorage._http import xml
from aiostorage._http.client import HTTPClient
from aiostorage._http.messages import Request
from aiostorage.errors import (
    AuthenticationError,
    ClockSkewError,
    InvalidArgumentError,
    PermissionDeniedError,
    RateLimitedError,
    ServiceUnavailableError,
    StorageError,
    UnexpectedResponseError,
)
from aiostorage.providers.s3 import errors
from aiostorage.providers.s3.config import is_switched_on
from aiostorage.providers.s3.credentials.asking import Network, configured_url, unsigned
from aiostorage.providers.s3.credentials.cache import renewing, shared_cache
from aiostorage.providers.s3.credentials.container import read_token
from aiostorage.providers.s3.credentials.values import S3Credentials, temporary
from aiostorage.providers.s3.endpoints import EndpointKinds
from aiostorage.providers.s3.signing import Signer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from aiostorage._http.credentials import CredentialCache
    from aiostorage._http.messages import Response, Wire
    from aiostorage.providers.s3.credentials.values import Found

_AWS_REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]+){1,3}-\d+")
_CODE = re.compile(r"[A-Za-z]{1,64}")
_OLDEST_REGIONS: Final = frozenset({
    "ap-northeast-1", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ca-central-1", "eu-central-1", "eu-north-1",
    "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2",
})  # fmt: skip
"""Those that ``AWS_STS_REGIONAL_ENDPOINTS=legacy`` sends to the global endpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Where the service is, and how it is reached."""

    url: str
    region: str
    network: Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A role, and how it is taken on; all but its ARN may be left open."""

    arn: str
    session_name: str = "aiostorage"
    duration_s: int | None = None
    external_id: str | None = None
    mfa_serial: str | None = None

    def parameters(self) -> dict[str, str]:
        """What both requests say of it."""
        parameters = {"RoleArn": self.arn, "RoleSessionName": self.session_name}
        if self.duration_s is not None:
            parameters["DurationSeconds"] = str(self.duration_s)
        return parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class AssumedRole:
    """A role that other credentials may take on."""

    service: Service
    role: Role
    base: Found
    mfa_code: Callable[[str], Awaitable[str]] | None = None

    async def fetch(self, now: datetime) -> S3Credentials:
        """The credentials of the role."""
        parameters = self.role.parameters()
        if self.role.external_id is not None:
            parameters["ExternalId"] = self.role.external_id
        if self.role.mfa_serial is not None:
            parameters |= {"SerialNumber": self.role.mfa_serial, "TokenCode": await self._code(self.role.mfa_serial)}
        signer = Signer(self.service.region, "sts")
        return await _ask(
            self.service, "AssumeRole", parameters, now, role=self.role.arn, sign=signer.sign, base=renewing(self._base)
        )

    async def _base(self, other_than: S3Credentials | None) -> S3Credentials:
        if isinstance(self.base, S3Credentials):
            return self.base
        found = await shared_cache().get(self.base, other_than=other_than)
        if found is None:
            raise AuthenticationError(f"there are no credentials to assume {self.role.arn!r} with", provider="s3")
        return found

    async def _code(self, serial: str) -> str:
        if self.mfa_code is None:
            raise AuthenticationError(
                f"the role {self.role.arn!r} wants a code of the device {serial!r}; give a function as mfa_code",
                provider="s3",
            )
        return await self.mfa_code(serial)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebIdentity:
    """A role that the holder of a token may take on; Kubernetes writes such tokens for its service accounts.

    Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
    """

    service: Service
    role: Role
    token_file: str

    async def fetch(self, now: datetime) -> S3Credentials:
        """The credentials of the role."""
        token = (await asyncio.to_thread(read_token, self.token_file)).strip()
        parameters = {**self.role.parameters(), "WebIdentityToken": token}
        return await _ask(self.service, "AssumeRoleWithWebIdentity", parameters, now, role=self.role.arn)


async def _ask(
    service: Service,
    action: str,
    parameters: Mapping[str, str],
    now: datetime,
    *,
    role: str,
    sign: Callable[[Request, S3Credentials | None, datetime], Wire] = unsigned,
    base: CredentialCache[S3Credentials] | None = None,
) -> S3Credentials:
    body = urlencode({"Action": action, "Version": "2011-06-15", **parameters}).encode()
    request = Request(
        operation="assume_role",
        method="POST",
        url=service.url,
        headers={
            "content-type": "application/x-www-form-urlencoded; charset=utf-8",
            "x-amz-content-sha256": hashlib.sha256(body).hexdigest(),
        },
        body=body,
    )
    client = HTTPClient[S3Credentials](
        provider="s3",
        sign=sign,
        read_error=lambda request, response: read_error(request, response, role),
        credentials=base,
        proxy=service.network.proxy,
        ca_bundle=service.network.ca_bundle,
        proxy_ca=service.network.proxy_ca,
        retry=service.network.retry,
        connect_timeout_s=5.0,
        idle_timeout_s=15.0,
    )
    try:
        answer = await client.send(request)
    finally:
        await client.aclose()
    return _credentials(answer.body, action, now)


def _credentials(body: bytes, action: str, now: datetime) -> S3Credentials:
    try:
        document = xml.parse(body, wrappers=(f"{action}Result",))
    except xml.MalformedXMLError:
        raise UnexpectedResponseError("what STS answered is no XML", provider="s3") from None
    return temporary(dict(document.records).get("Credentials", {}), where="STS", now=now)


def read_error(request: Request, response: Response, role: str) -> StorageError | None:
    """The error in an answer. Its words are not shown: they may repeat what was sent, which holds secrets."""
    error = errors.read_error(request, response)
    if error is None:
        return None
    code = error.code if _CODE.fullmatch(error.code or "") else None
    is_retryable = error.retryable or code == "IDPCommunicationError"
    kind: type[StorageError] = AuthenticationError
    if isinstance(error, ClockSkewError | RateLimitedError | ServiceUnavailableError):
        kind = type(error)
    elif code == "AccessDenied":
        kind = PermissionDeniedError
    elif is_retryable:
        kind = ServiceUnavailableError
    details = error.details()
    details["code"] = code
    details["retryable"] = is_retryable
    details["request_id"] = response.headers.get("x-amzn-requestid")
    return kind(f"STS gives no credentials for the role {role!r}", **details)


def service_of(
    region: str | None,
    environ: Mapping[str, str],
    shared: Mapping[str, str],
    network: Network,
    *,
    fips: bool | None = None,
) -> Service:
    """Where to ask, by the region and what environment and profile say.

    Args:
        region: The region of S3. Where it is none of Amazon's, ``us-east-1`` is asked.
        environ: The environment.
        shared: The settings of the profile.
        network: How to reach it.
        fips: Whether its cryptography must be validated, if the user has said so.

    Raises:
        InvalidArgumentError: An endpoint is set that cannot be, or one is wanted that Amazon does not have.

    Source: https://docs.aws.amazon.com/sdkref/latest/guide/feature-sts-regionalized-endpoints.html,
    https://docs.aws.amazon.com/general/latest/gr/sts.html
    """
    found = region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or shared.get("region") or ""
    service = Service(url="", region=found if _AWS_REGION.fullmatch(found) else "us-east-1", network=network)
    if url := configured_url("sts", environ, shared):
        return replace(service, url=f"{url}/")
    if is_switched_on("use_fips_endpoint", fips, environ, shared):
        kinds = EndpointKinds(fips=not service.region.startswith("us-gov-"))  # there it is by the common name
        kinds.check(service.region)
        return replace(service, url=f"https://{kinds.host('sts', service.region)}/")
    choice = environ.get("AWS_STS_REGIONAL_ENDPOINTS") or shared.get("sts_regional_endpoints") or "regional"
    if choice.lower() == "legacy" and service.region in _OLDEST_REGIONS:
        return replace(service, url="https://sts.amazonaws.com/", region="us-east-1")
    return replace(service, url=f"https://{EndpointKinds().host('sts', service.region)}/")


def role_of(arn: str, settings: Mapping[str, str], *, where: str) -> Role:
    """A role as a profile describes it.

    Raises:
        InvalidArgumentError: The profile's duration is none.
    """
    duration = settings.get("duration_seconds")
    if duration is not None and not re.fullmatch("[0-9]{1,6}", duration):
        raise InvalidArgumentError(f"duration_seconds of {where} is not a number", provider="s3")
    return Role(
        arn=arn,
        session_name=settings.get("role_session_name") or "aiostorage",
        duration_s=None if duration is None else int(duration),
        external_id=settings.get("external_id") or None,
        mfa_serial=settings.get("mfa_serial") or None,
    )
