"""Whom the server refuses, for what reason, and what goes wrong when a test wants it to."""

from __future__ import annotations

import hashlib
import hmac
import io
from datetime import UTC, datetime
from urllib.parse import urlsplit

import aiohttp
import pytest

from aiostorage.testing.gcs import Fault, GCSServer, Settings
from tests.unit.testing.asking import NOW, Asking, Clock, served

pytestmark = pytest.mark.anyio


async def test_faults(ask: Asking) -> None:
    server = ask.server
    server.add_fault(Fault(method="GET", path="/o/", times=2, status=503, retry_after="1"))
    await ask.put("faulty", b"content")
    for _ in range(2):
        reply = await ask("GET", "/storage/v1/b/bucket/o/faulty")
        assert (reply.status, reply.reason, reply.headers["Retry-After"]) == (503, "backendError", "1")
    assert (await ask("GET", "/storage/v1/b/bucket/o/faulty")).status == 200
    server.add_fault(Fault(method="GET", answer_bytes=3))
    with pytest.raises(aiohttp.ClientPayloadError):
        await ask("GET", "/bucket/faulty")
    upload = "/upload/storage/v1/b/bucket/o?uploadType=media&name="  # a POST, which aiohttp does not send again
    server.add_fault(Fault(method="POST", answer_bytes=-1))
    with pytest.raises(aiohttp.ClientConnectionError):
        await ask("POST", f"{upload}lost", data=b"lost answer")
    assert (await ask("GET", "/bucket/lost")).body == b"lost answer"
    reply = await ask("POST", "/_testing/faults", json={"path": "half", "body_bytes": 2})
    assert reply.json == {"waiting": 1}
    with pytest.raises(aiohttp.ClientConnectionError):
        await ask("POST", f"{upload}half", data=b"half")
    assert (await ask("GET", "/bucket/half")).status == 404
    assert (await ask("POST", "/_testing/faults", json={"nonsense": 1})).status == 400


async def test_who_is_refused_early_is_heard_out(ask: Asking) -> None:
    size = 8 * 1024 * 1024
    target = "/upload/storage/v1/b/bucket/o?uploadType=media&name=large&ifGenerationMatch=1"
    assert (await ask("POST", target, data=io.BytesIO(bytes(size)))).status == 412
    wrong = {"Authorization": "Bearer wrong"}
    assert (await ask("POST", target, data=io.BytesIO(bytes(size)), headers=wrong)).status == 401
    ask.server.add_fault(Fault(status=503))
    assert (await ask("POST", target, data=io.BytesIO(bytes(size)))).status == 503


async def test_a_token_that_expires() -> None:
    clock = Clock()
    async with served(Settings(authorization="required", token_s=60), clock=clock) as ask:
        token = {"Authorization": f"Bearer {ask.server.new_token()}"}
        assert (await ask("GET", "/storage/v1/b/bucket", headers=token)).status == 200
        assert (await ask("GET", "/storage/v1/b/bucket")).reason == "required"
        clock.now += 61
        reply = await ask("GET", "/storage/v1/b/bucket", headers=token)
        assert (reply.status, reply.reason) == (401, "authError")
        assert (await ask("GET", "/bucket", headers=token)).status == 401


@pytest.mark.parametrize("way", ["query", "header"])
async def test_signatures_by_hmac(way: str) -> None:
    clock = Clock()
    async with served(Settings(authorization="required"), clock=clock) as ask:
        access_id, secret = ask.server.cloud.accounts.new_hmac_key()
        token = {"Authorization": f"Bearer {ask.server.new_token()}"}
        await ask("PUT", "/bucket/a%20b", data=b"content", headers=token)
        host = urlsplit(ask.server.endpoint).netloc
        for key, status in ((secret, 200), (secret[::-1], 403)):
            target, headers = hmac_signed(way, "/bucket/a%20b", host, access_id, key)
            assert (await ask("GET", target, headers=headers)).status == status
        target, headers = hmac_signed(way, "/bucket/a%20b", host, access_id, secret)
        clock.now += 24 * 3600
        assert (await ask("GET", target, headers=headers)).status == (400 if way == "query" else 403)


def hmac_signed(way: str, path: str, host: str, access_id: str, secret: str) -> tuple[str, dict[str, str]]:
    """As the page tells: https://cloud.google.com/storage/docs/authentication/signatures"""
    stamp = datetime.fromtimestamp(NOW, UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/auto/storage/goog4_request"
    algorithm, query, headers, names = "GOOG4-HMAC-SHA256", "", f"host:{host}\n", "host"
    if way == "query":
        query = (
            f"X-Goog-Algorithm={algorithm}&X-Goog-Credential={access_id}%2F{scope.replace('/', '%2F')}"
            f"&X-Goog-Date={stamp}&X-Goog-Expires=60&X-Goog-SignedHeaders=host"
        )
    else:
        headers, names = f"{headers}x-goog-date:{stamp}\n", "host;x-goog-date"
    canonical = f"GET\n{path}\n{query}\n{headers}\n{names}\nUNSIGNED-PAYLOAD"
    to_sign = f"{algorithm}\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"GOOG4{secret}".encode()
    for step in scope.split("/"):
        key = hmac.new(key, step.encode(), "sha256").digest()
    signature = hmac.new(key, to_sign.encode(), "sha256").hexdigest()
    if way == "query":
        return f"{path}?{query}&X-Goog-Signature={signature}", {}
    authorization = f"{algorithm} Credential={access_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    return path, {"Authorization": authorization, "x-goog-date": stamp}


async def test_what_looks_like_a_form_needs_a_name_too() -> None:
    async with served(Settings(authorization="required")) as ask:
        form = {"Content-Type": "multipart/form-data; boundary=b"}
        for target in ("/storage/v1/b?project=p", "/bucket/object?uploads", "/batch"):
            assert (await ask("POST", target, headers=form)).status == 401
        body = b'--b\r\nContent-Disposition: form-data; name="key"\r\n\r\nk\r\n--b\r\n'
        body += b'Content-Disposition: form-data; name="file"\r\n\r\nx\r\n--b--'
        assert (await ask("POST", "/bucket", data=body, headers=form)).status == 403


@pytest.mark.parametrize(
    ("header", "status"), [("public-read", 200), ("bucket-owner-full-control", 200), ("open", 400)]
)
async def test_names_of_canned_lists(ask: Asking, header: str, status: int) -> None:
    assert (await ask("PUT", "/bucket/listed", data=b"x", headers={"x-goog-acl": header})).status == status
    first, *others = header.split("-")
    name = first + "".join(word.capitalize() for word in others)
    target = f"/upload/storage/v1/b/bucket/o?uploadType=media&name=listed&predefinedAcl={name}"
    assert (await ask("POST", target, data=b"x")).status == status


async def test_secrets_are_in_no_representation() -> None:
    server = GCSServer()
    client, token = server.cloud.accounts.new_client(), server.cloud.accounts.new_token("somebody")
    shown = f"{client!r} {token!r} {server.cloud.accounts!r}"
    assert not [secret for secret in (client.client_secret, client.refresh_token, token.value) if secret in shown]


async def test_retention_ends() -> None:
    clock = Clock()
    async with served(clock=clock) as ask:
        await ask("PATCH", "/storage/v1/b/bucket", json={"retentionPolicy": {"retentionPeriod": "60"}})
        await ask.put("kept")
        refused = await ask("DELETE", "/storage/v1/b/bucket/o/kept")
        assert (refused.status, refused.reason) == (403, "retentionPolicyNotMet")
        clock.now += 61
        assert (await ask("DELETE", "/storage/v1/b/bucket/o/kept")).status == 204
