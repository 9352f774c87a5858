"""Access tokens for an identity of another house (workload identity federation).

A token of the other house, from a file, a URL or a program, is exchanged for one of Google's, which may then act
as a service account.

Source: https://google.aip.dev/auth/4117
"""

from __future__ import annotations

import asyncio
import os
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass, field
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aiostorage._http import json, oauth
from aiostorage._http.asking import Network, asking
from aiostorage._http.messages import Request
from aiostorage._http.program import output_of
from aiostorage.errors import AuthenticationError, UnsupportedError
from aiostorage.providers.gcs.credentials.values import needed

if TYPE_CHECKING:
    from datetime import datetime

    from aiostorage._http.json import JSONObject
    from aiostorage._http.oauth import AccessToken

_WHERE: Final = "the token exchange of Google"

ALLOWED: Final = "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES"
SAML: Final = "urn:ietf:params:oauth:token-type:saml2"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectToken:
    """Where the other house puts its token.

    Attributes:
        file: The file that holds it; or
        url: where it is answered,
        headers: to requests with these.
        field: The member of a JSON object that it is, or None where it is all the text.
    """

    file: str | None = None
    url: str | None = None
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    member: str | None = None

    async def read(self, network: Network) -> str:
        """The token as it is now.

        Raises:
            AuthenticationError: There is none.
        """
        where = f"the subject token in {self.file}" if self.file else "what the URL of the subject token answered"
        if self.file is not None:
            document = await asyncio.to_thread(_read, self.file)
        else:
            request = Request(operation="get_credentials", method="GET", url=self.url or "", headers=dict(self.headers))
            async with asking("gcs", oauth.read_error, **network.options()) as client:
                document = (await client.send(request)).body
        try:
            text = document.decode("utf-8") if self.member is None else json.text(json.parse(document), self.member)
        except (UnicodeDecodeError, json.MalformedJSONError):
            text = None
        if not text or not text.strip():
            raise AuthenticationError(f"there is no token: {where}", provider="gcs")
        return text.strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program that prints the other house's token, where the environment allows that programs are run.

    Attributes:
        command: Program and arguments.
        environ: What it is told, besides our own environment.
        timeout_s: How long it may take.
    """

    command: str = field(repr=False)
    environ: tuple[tuple[str, str], ...] = ()
    timeout_s: float = 30.0

    async def read(self, network: Network) -> str:
        """The token as it is now.

        Raises:
            AuthenticationError: There is none.
        """
        where = "the program of the subject token"
        if os.environ.get(ALLOWED) != "1":
            raise AuthenticationError(f"{where} is not run unless {ALLOWED} is 1", provider="gcs")
        told = {**os.environ, **dict(self.environ), "GOOGLE_EXTERNAL_ACCOUNT_INTERACTIVE": "0"}
        output = await output_of(self.command, where=where, provider="gcs", timeout_s=self.timeout_s, environ=told)
        document: JSONObject = {}
        with suppress(json.MalformedJSONError):
            document = json.parse(output)
        name = "saml_response" if json.text(document, "token_type") == SAML else "id_token"
        token = json.text(document, name)
        if document.get("success") is not True or json.integer(document, "version") != 1 or not token:
            raise AuthenticationError(f"{where} has none to give", provider="gcs")
        return token


@dataclass(frozen=True, slots=True, kw_only=True)
class Federation:
    """An identity of another house."""

    audience: str
    subject_token_type: str
    token_url: str
    subject_token: SubjectToken | Program
    scopes: tuple[str, ...]
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    workforce_pool_user_project: str | None = None
    network: Network = field(default_factory=Network, compare=False)

    async def fetch(self, now: datetime) -> AccessToken:
        """A new access token."""
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "audience": self.audience,
            "scope": " ".join(self.scopes),
            "subject_token_type": self.subject_token_type,
            "subject_token": await self.subject_token.read(self.network),
        }
        if self.workforce_pool_user_project is not None and self.client_id is None:
            form["options"] = dumps({"userProject": self.workforce_pool_user_project})
        headers: dict[str, str] = {}
        if self.client_id is not None:
            pair = f"{self.client_id}:{self.client_secret or ''}"
            headers["authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        request = oauth.token_request(self.token_url, form, headers)
        async with asking("gcs", oauth.read_error, **self.network.options()) as client:
            answer = await client.send(request)
        return oauth.token_in(answer.body, now, where=_WHERE)


def subject_token(
    source: JSONObject, *, where: str, audience: str, subject_token_type: str, account: str | None
) -> SubjectToken | Program:
    """Where the file of an external account says that the token is.

    Raises:
        UnsupportedError: It is neither in a file, nor at a URL, nor printed by a program.
        AuthenticationError: The file is incomplete.
        InvalidArgumentError: The URL is one where others could listen.
    """
    program = json.member(source, "executable")
    if program:
        told = {
            "GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE": audience,
            "GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE": subject_token_type,
            "GOOGLE_EXTERNAL_ACCOUNT_IMPERSONATED_EMAIL": account,
        }
        return Program(
            command=needed(program, "command", where=where),
            environ=tuple((name, value) for name, value in told.items() if value is not None),
            timeout_s=(json.integer(program, "timeout_millis") or 30_000) / 1000,
        )
    file, url = json.text(source, "file"), json.text(source, "url")
    if (file is None) == (url is None) or "environment_id" in source:
        raise UnsupportedError(
            "of external accounts only those are supported whose token is in a file, at a URL or printed by a program; "
            "for others give a credentials function",
            provider="gcs",
        )
    form = json.member(source, "format")
    member = None
    if json.text(form, "type") == "json":
        member = needed(form, "subject_token_field_name", where=where)
    if url is not None:
        url = oauth.check_url(url, what="the URL of the subject token", may_be_link_local=True)
    headers = tuple(sorted(json.text_map(source, "headers").items()))
    return SubjectToken(file=file, url=url, headers=headers, member=member)


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise AuthenticationError(f"cannot read the token in {path}: {type(error).__name__}", provider="gcs") from None
