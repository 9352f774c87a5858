"""What a profile of the shared files says of credentials. Pure: the files have been read.

Source: https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiostorage.errors import AuthenticationError, InvalidArgumentError, UnsupportedError
from aiostorage.providers.s3.credentials.container import container
from aiostorage.providers.s3.credentials.instance import instance
from aiostorage.providers.s3.credentials.process import Process
from aiostorage.providers.s3.credentials.sso import single_sign_on
from aiostorage.providers.s3.credentials.sts import AssumedRole, Role, Service, WebIdentity, role_of, service_of
from aiostorage.providers.s3.credentials.values import S3Credentials, key_pair

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from aiostorage.providers.s3.credentials.asking import Network
    from aiostorage.providers.s3.credentials.values import Found
    from aiostorage.providers.s3.shared_files import SharedFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiles:
    """All that following a profile needs.

    Attributes:
        files: The shared files.
        environ: The environment.
        network: How to reach STS.
        region: The region that the user gave.
        fips: Whether the cryptography of STS must be validated, if the user has said so.
        mfa_code: Asked for the code of a device, by its serial number.
    """

    files: SharedFiles
    environ: Mapping[str, str]
    network: Network
    region: str | None = None
    fips: bool | None = None
    mfa_code: Callable[[str], Awaitable[str]] | None = None

    def follow(self, name: str, *, from_: tuple[str, ...] = ()) -> Found | None:
        """The credentials of a profile, or how to get them; None where it is about other things.

        A role goes before a login, and a login before keys. The keys that a role's ``source_profile`` has go
        before a role of that one, so a profile may name itself as the source of its role.

        Args:
            name: The profile.
            from_: The profiles that led here.

        Raises:
            AuthenticationError: A profile is not there, is half done, or leads back to itself.
            InvalidArgumentError: A setting makes no sense.
            UnsupportedError: The profile is for a login at the console.
        """
        shared = self.files.profile(name)
        settings, where = shared.settings, f"profile {name!r}"
        if from_ and not shared.is_present:
            raise AuthenticationError(
                f"profile {from_[-1]!r} names a source_profile {name!r} that is not there", provider="s3"
            )
        if from_ and (keys := _keys(settings, where)):
            return keys
        if name in from_:
            raise AuthenticationError(f"the profiles go round in circles: {' -> '.join((*from_, name))}", provider="s3")
        arn = settings.get("role_arn")
        if arn:
            return self._assume(role_of(arn, settings, where=where), name, settings, from_)
        if login := single_sign_on(name, self.files, self.environ, self.network):
            return login
        if keys := _keys(settings, where):
            return keys
        if settings.get("credential_process"):
            return Process(command=settings["credential_process"], profile=name)
        if settings.get("sso_session") or settings.get("sso_start_url"):
            raise AuthenticationError(f"{where} lacks sso_account_id and sso_role_name", provider="s3")
        if settings.get("login_session"):
            raise UnsupportedError(
                f"{where} is for a login at the console, which is not supported; a credential_process of "
                f"'aws configure export-credentials --profile {name}' in another profile makes use of it",
                provider="s3",
            )
        return None

    def _assume(self, role: Role, name: str, settings: Mapping[str, str], from_: tuple[str, ...]) -> Found:
        named = [
            kind for kind in ("source_profile", "credential_source", "web_identity_token_file") if settings.get(kind)
        ]
        if len(named) != 1:
            raise InvalidArgumentError(
                f"the role of profile {name!r} needs one of source_profile, credential_source and "
                f"web_identity_token_file, and has {' and '.join(named) or 'none'}",
                provider="s3",
            )
        shared = self.files.profile((*from_, name)[0]).settings
        service = service_of(self.region, self.environ, shared, self.network, fips=self.fips)
        value = settings[named[0]]
        if named == ["web_identity_token_file"]:
            return WebIdentity(service=service, role=role, token_file=value)
        if named == ["source_profile"]:
            base = self.follow(value, from_=(*from_, name))
        else:
            base = self._machine(value, name, settings)
        if base is None:
            raise AuthenticationError(f"{named[0]} {value!r} of profile {name!r} has no credentials", provider="s3")
        return AssumedRole(service=service, role=role, base=base, mfa_code=self.mfa_code)

    def _machine(self, kind: str, name: str, settings: Mapping[str, str]) -> Found | None:
        match kind:
            case "Environment":
                return environment_keys(self.environ)
            case "Ec2InstanceMetadata":
                return instance(self.environ, settings)
            case "EcsContainer":
                return container(self.environ)
            case _:
                raise InvalidArgumentError(
                    f"credential_source of profile {name!r} is none of Environment, Ec2InstanceMetadata, EcsContainer",
                    provider="s3",
                )


def environment_keys(environ: Mapping[str, str]) -> S3Credentials | None:
    """The keys in the environment."""
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    key_id, secret, token = map(environ.get, names)
    return key_pair(key_id, secret, token, where="the environment (AWS_ACCESS_KEY_ID)")


def environment_identity(environ: Mapping[str, str], service: Service) -> WebIdentity | None:
    """The role, and the token for it, that the environment names."""
    token_file, arn = environ.get("AWS_WEB_IDENTITY_TOKEN_FILE"), environ.get("AWS_ROLE_ARN")
    if not token_file or not arn:
        return None
    name = environ.get("AWS_ROLE_SESSION_NAME") or "aiostorage"
    return WebIdentity(service=service, role=Role(arn=arn, session_name=name), token_file=token_file)


def _keys(settings: Mapping[str, str], where: str) -> S3Credentials | None:
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    key_id, secret, token = map(settings.get, names)
    return key_pair(key_id, secret, token, where=f"the {where}")
