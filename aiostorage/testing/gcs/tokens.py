"""Where tokens come from: the token endpoint, the security token service, the metadata server, and IAM.

They all answer on the server's one socket, by their usual paths.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from aiostorage.testing.gcs.accounts import DEFAULT_EMAIL, SCOPE, InvalidGrantError, Token
from aiostorage.testing.gcs.errors import GCSError, invalid, not_allowed, not_found
from aiostorage.testing.gcs.messages import Answer, Call, json_answer, parse_json, text
from aiostorage.testing.gcs.objects import from_timestamp, rfc3339

if TYPE_CHECKING:
    from aiostorage.testing.gcs.cloud import Cloud
    from aiostorage.testing.gcs.messages import Record

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - a name
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name
_METADATA_FLAVOR = ("Metadata-Flavor", "Google")


def token(cloud: Cloud, call: Call) -> Answer:
    """The token endpoint of OAuth 2: for what a service account has signed, and for refresh tokens.

    Source: https://developers.google.com/identity/protocols/oauth2/service-account
    """
    form, accounts = _form(call), cloud.accounts
    try:
        match form.get("grant_type"):
            case "refresh_token":
                client = accounts.clients.get(form.get("refresh_token", ""))
                if client is None:
                    return _oauth_error("invalid_grant", "Token has been expired or revoked.")
                if (form.get("client_id"), form.get("client_secret")) != (client.client_id, client.client_secret):
                    return _oauth_error("invalid_client", "The OAuth client was not found.", status=401)
                return _token(cloud, accounts.new_token("user@example.com"), scope=SCOPE)
            case grant if grant == JWT_BEARER:
                claims = accounts.check_assertion(form.get("assertion", ""))
                if claims.get("aud") not in {f"{call.origin}{call.path}", "https://oauth2.googleapis.com/token"}:
                    return _oauth_error("invalid_grant", "Invalid JWT: the audience is not this endpoint.")
                if not claims.get("scope"):
                    return _oauth_error("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
                return _token(cloud, accounts.new_token(str(claims["iss"])))
            case _:
                return _oauth_error("unsupported_grant_type", "Invalid grant_type")
    except InvalidGrantError as error:
        return _oauth_error("invalid_grant", str(error))


def exchange(cloud: Cloud, call: Call) -> Answer:
    """The security token service: a token of another identity provider for one of ours.

    Source: https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token
    """
    form = _form(call)
    if form.get("grant_type", form.get("grantType")) != TOKEN_EXCHANGE:
        return _oauth_error("unsupported_grant_type", "Unsupported grant type.")
    for snake in ("audience", "requested_token_type", "subject_token", "subject_token_type"):
        if not _either(form, snake):
            return _oauth_error("invalid_request", f"Missing parameter: {snake}")
    if _either(form, "requested_token_type") != ACCESS_TOKEN:
        return _oauth_error("invalid_request", "Unsupported requested_token_type.")
    if _either(form, "subject_token") not in cloud.accounts.subject_tokens:
        return _oauth_error("invalid_grant", "The subject token is unknown, or has expired.")
    answer = cloud.accounts.new_token(DEFAULT_EMAIL)
    return _token(cloud, answer, issued_token_type=ACCESS_TOKEN)


def metadata(cloud: Cloud, call: Call) -> Answer:
    """The metadata server of a virtual machine.

    Source: https://cloud.google.com/compute/docs/metadata/querying-metadata

    Raises:
        GCSError: It does not know this, or the caller might be one that was tricked into calling.
    """
    if call.headers.get("metadata-flavor") != "Google" or "x-forwarded-for" in call.headers:
        raise GCSError(403, "forbidden", "AccessDenied", "Missing Metadata-Flavor:Google header.")
    if call.method != "GET":
        raise not_allowed()
    account: Record = {"aliases": ["default"], "email": DEFAULT_EMAIL, "scopes": [SCOPE]}
    match [segment for segment in call.segments if segment]:
        case []:
            return _metadata_text("computeMetadata/\n")
        case ["computeMetadata", "v1", "project", "project-id"]:
            return _metadata_text(cloud.settings.project)
        case ["computeMetadata", "v1", "project", "numeric-project-id"]:
            return _metadata_text("123456789012")
        case ["computeMetadata", "v1", "universe", "universe-domain" | "universe_domain"]:
            return _metadata_text("googleapis.com")
        case ["computeMetadata", "v1", "instance", "service-accounts", name, *rest] if name in {
            "default",
            DEFAULT_EMAIL,
        }:
            match rest:
                case []:
                    return json_answer(account, _METADATA_FLAVOR)
                case ["email"]:
                    return _metadata_text(DEFAULT_EMAIL)
                case ["scopes"]:
                    return _metadata_text(f"{SCOPE}\n")
                case ["token"]:
                    return _token(cloud, cloud.accounts.new_token(DEFAULT_EMAIL), _METADATA_FLAVOR)
                case _:
                    raise not_found()
        case _:
            raise not_found()


def credentials(cloud: Cloud, call: Call, email: str, method: str) -> Answer:
    """IAM's service account credentials: tokens and signatures of an account that the caller may act as.

    Source: https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts

    Raises:
        GCSError: It does not know this, or the request makes no sense.
    """
    document = call.document()
    match method:
        case "generateAccessToken":
            if not document.get("scope"):
                raise invalid("Request contains an invalid argument: scope", reason="INVALID_ARGUMENT")
            lifetime = re.fullmatch(r"(\d+)s", text(document, "lifetime") or "3600s")
            if lifetime is None or int(lifetime[1]) > 43200:
                raise invalid("Request contains an invalid argument: lifetime", reason="INVALID_ARGUMENT")
            issued = cloud.accounts.new_token(email, min(float(lifetime[1]), cloud.settings.token_s))
            return json_answer({"accessToken": issued.value, "expireTime": rfc3339(from_timestamp(issued.expires))})
        case "signBlob":
            try:
                payload = base64.b64decode(text(document, "payload") or "", validate=True)
            except ValueError:
                raise invalid("Request contains an invalid argument: payload", reason="INVALID_ARGUMENT") from None
            key_id, signature = cloud.accounts.sign(email, payload)
            return json_answer({"keyId": key_id, "signedBlob": base64.b64encode(signature).decode()})
        case _:
            raise not_found()


def new_key(cloud: Cloud, call: Call, email: str) -> Answer:
    """A new key of a service account.

    Source: https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts.keys/create
    """
    project = cloud.settings.project
    key = cloud.accounts.new_key(email, f"{call.origin}/token", project=project)
    return json_answer({
        "name": f"projects/{project}/serviceAccounts/{email}/keys/{key['private_key_id']}",
        "privateKeyType": "TYPE_GOOGLE_CREDENTIALS_FILE",
        "privateKeyData": base64.b64encode(json.dumps(key).encode()).decode(),
    })


def _token(cloud: Cloud, issued: Token, *headers: tuple[str, str], **more: str) -> Answer:
    document: Record = {
        "access_token": issued.value,
        "expires_in": int(issued.expires - cloud.clock()),
        "token_type": "Bearer",
        **more,
    }
    return json_answer(document, *headers)


def _form(call: Call) -> dict[str, str]:
    if call.headers.get("content-type", "").startswith("application/json"):
        return {key: value for key, value in parse_json(call.body).items() if isinstance(value, str)}
    return dict(parse_qsl(call.body.decode("latin-1"), keep_blank_values=True))


def _either(form: dict[str, str], snake: str) -> str | None:
    """A field by its name in a form, or in JSON."""
    first, *others = snake.split("_")
    return form.get(snake) or form.get(first + "".join(word.capitalize() for word in others))


def _oauth_error(code: str, description: str, *, status: int = 400) -> Answer:
    return json_answer({"error": code, "error_description": description}, status=status)


def _metadata_text(body: str) -> Answer:
    return Answer(headers=(("Content-Type", "application/text"), _METADATA_FLAVOR), body=body.encode())
