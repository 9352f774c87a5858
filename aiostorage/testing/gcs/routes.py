"""Which API a request is for, and who may make it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from aiostorage.testing.gcs import acls, batch, faults, forms, json_api, tokens, uploads, xml_api
from aiostorage.testing.gcs.errors import GCSError, invalid_credentials, login_required, not_found
from aiostorage.testing.gcs.fields import partial
from aiostorage.testing.gcs.messages import Answer, Call, read_whole
from aiostorage.testing.gcs.signing import check_request, is_signed

if TYPE_CHECKING:
    from aiostorage.testing.gcs.cloud import Cloud
    from aiostorage.testing.gcs.messages import Source

_JSON_PATHS = frozenset({
    "storage",
    "upload",
    "download",
    "resumable",
    "batch",
    "v1",
    "token",
    "computeMetadata",
    "_testing",
})
_VIRTUAL_HOST = ".storage.googleapis.com"


async def answer(cloud: Cloud, call: Call, source: Source) -> Answer:
    """What the service says to a request, or what a test wants it to say."""
    try:
        if call.path == faults.PATH:
            return cloud.faults.answer(await _with_body(call, source))
        issued = await _issue(cloud, call, source)
        if issued is not None:
            return issued
        if call.query.get("upload_id", "") not in cloud.sessions:  # whoever has a session's address may use it
            authorize(cloud, call)
        acls.check(call)
        return await _serve(cloud, call, source)
    except GCSError as error:
        return refusal(call, error)


async def _issue(cloud: Cloud, call: Call, source: Source) -> Answer | None:
    """A token, for which no token is needed; None if none is asked for."""
    if "metadata-flavor" in call.headers or call.path.startswith("/computeMetadata/"):
        return tokens.metadata(cloud, call)
    if call.method == "POST" and call.path in {"/token", "/oauth2/v4/token"}:
        return tokens.token(cloud, await _with_body(call, source))
    if call.method == "POST" and call.path == "/v1/token":
        return tokens.exchange(cloud, await _with_body(call, source))
    return None


async def _serve(cloud: Cloud, call: Call, source: Source) -> Answer:
    match call.segments:
        case ["v1", "projects", _, "serviceAccounts", account] if call.method == "POST":
            email, _, method = account.partition(":")
            return tokens.credentials(cloud, await _with_body(call, source), email, method)
        case ["v1", "projects", _, "serviceAccounts", email, "keys"] if call.method == "POST":
            return tokens.new_key(cloud, call, email)
        case ["upload", "storage", "v1", "b", bucket, "o"] | ["resumable", "upload", "storage", "v1", "b", bucket, "o"]:
            return _partial(call, await uploads.answer(cloud, call, source, bucket))
        case ["download", "storage", "v1", "b", bucket, "o", name] if call.method == "GET":
            return json_api.download(cloud, call, bucket, name)
        case ["batch"] | ["batch", "storage", "v1"] if call.method == "POST":
            return batch.answer(await _with_body(call, source), lambda part: _json(cloud, part))
        case ["storage", "v1", *_]:
            return _json(cloud, await _with_body(call, source))
        case _:
            return await _xml(cloud, call, source)


async def _xml(cloud: Cloud, call: Call, source: Source) -> Answer:
    bucket, _, name = call.path.removeprefix("/").partition("/")
    host = call.headers.get("host", "").partition(":")[0]
    if host.endswith(_VIRTUAL_HOST):
        bucket, name = host.removesuffix(_VIRTUAL_HOST), call.path.removeprefix("/")
    bucket, name = (unquote(part, errors="surrogateescape") for part in (bucket, name))
    if call.method == "POST" and bucket and not name:
        return await forms.answer(cloud, call, source, bucket)
    return await xml_api.answer(cloud, call, source, bucket, name)


def _json(cloud: Cloud, call: Call) -> Answer:
    match call.segments:
        case ["storage", "v1", *resource]:
            return _partial(call, json_api.answer(cloud, call, resource))
        case _:
            raise not_found()


async def _with_body(call: Call, source: Source) -> Call:
    return replace(call, body=await read_whole(source))


def authorize(cloud: Cloud, call: Call) -> None:
    """Look at the token, or the signature, of a request.

    Raises:
        GCSError: It is not valid, or there is none where one is needed.
    """
    if cloud.settings.authorization == "ignored":
        return
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    if is_signed(call):
        check_request(cloud.accounts, call, cloud.now())
    elif scheme.lower() == "bearer":
        cloud.accounts.caller(token.strip(), f"{call.origin}/")
    elif scheme:
        raise invalid_credentials()
    elif cloud.settings.authorization == "required" and not _is_form(call):
        raise login_required()


def _is_form(call: Call) -> bool:
    # Its policy is in its body.
    is_bucket = len([segment for segment in call.segments if segment]) <= 1 and call.segments[0] not in _JSON_PATHS
    is_multipart = call.headers.get("content-type", "").startswith("multipart/form-data")
    return call.method == "POST" and is_bucket and is_multipart


def refusal(call: Call, error: GCSError) -> Answer:
    """An error, as the API that was asked says it."""
    headers = (("Content-Range", error.content_range),) if error.content_range else ()
    if error.status in {304, 499}:
        return Answer(status=error.status, headers=headers)
    if call.segments[0] in _JSON_PATHS:
        content_type, body = "application/json; charset=UTF-8", error.json()
    else:
        content_type, body = "application/xml; charset=UTF-8", error.xml()
    return Answer(status=error.status, headers=(("Content-Type", content_type), *headers), body=body)


def _partial(call: Call, answer: Answer) -> Answer:
    wanted = call.query.get("fields")
    if wanted is None or not isinstance(answer.body, bytes) or not answer.body.startswith(b"{"):
        return answer
    return replace(answer, body=partial(answer.body, wanted))
