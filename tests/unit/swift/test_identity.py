"""Logins: what is asked of TempAuth and Keystone, and how their answers are read."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aiostorage._http.messages import Response
from aiostorage.errors import AuthenticationError, InvalidArgumentError, UnexpectedResponseError
from aiostorage.providers.swift.identity import Choice, Keystone2, Keystone3, Named, TempAuth, check_url
from aiostorage.providers.swift.tokens import SwiftToken

NOW = datetime(2026, 1, 2, tzinfo=UTC)
DEMO = Named(name="demo", domain=Named(id="default"))
TEMPAUTH = TempAuth(url="https://host/auth/v1.0", user="test:tester", key="testing")


def answer(document: object = None, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=200, headers=named, body=b"" if document is None else json.dumps(document).encode())


def asked(login: Keystone2 | Keystone3) -> Any:
    request = login.request()
    assert request.method == "POST"
    assert request.headers["content-type"] == "application/json"
    return json.loads(bytes(request.body))["auth"]


def test_tempauth_takes_user_and_key_in_headers() -> None:
    request = TEMPAUTH.request()
    assert (request.method, request.url) == ("GET", "https://host/auth/v1.0")
    assert (request.headers["x-auth-user"], request.headers["x-auth-key"]) == ("test:tester", "testing")


def test_what_tempauth_answers() -> None:
    told = answer(x_auth_token="AUTH_tk1", x_storage_url="https://host/v1/AUTH_test/", x_auth_token_expires="60")
    assert TEMPAUTH.read(told, Choice(), NOW) == SwiftToken(
        value="AUTH_tk1", storage_url="https://host/v1/AUTH_test", expires_at=NOW + timedelta(seconds=60)
    )


def test_a_token_whose_end_nobody_tells_is_renewed_all_the_same() -> None:
    told = answer(x_storage_token="AUTH_tk1", x_storage_url="https://host/v1/AUTH_test")
    assert TEMPAUTH.read(told, Choice(), NOW).expires_at == NOW + timedelta(hours=1)


def test_a_token_is_not_sent_in_the_clear_where_the_login_was_not() -> None:
    told = answer(x_auth_token="AUTH_tk1", x_storage_url="http://host/v1/AUTH_test")
    with pytest.raises(AuthenticationError, match="storage_url"):
        TEMPAUTH.read(told, Choice(), NOW)
    chosen = Choice(storage_url="http://other/v1/AUTH_test")
    assert TEMPAUTH.read(told, chosen, NOW).storage_url == "http://other/v1/AUTH_test"


def test_nor_is_it_sent_so_to_the_cdn() -> None:
    """The account itself works, which most have no other need of."""
    told = answer(x_auth_token="t", x_storage_url="https://host/v1/a", x_cdn_management_url="http://cdn/v1/a")
    assert TEMPAUTH.read(told, Choice(), NOW).cdn_url is None
    assert TEMPAUTH.read(told, Choice(cdn_url="http://own/v1/a"), NOW).cdn_url == "http://own/v1/a"
    assert replace(TEMPAUTH, url="http://host/auth/v1.0").read(told, Choice(), NOW).cdn_url == "http://cdn/v1/a"
    endpoints = [{"interface": name, "url": f"http://{name}/v1/a"} for name in ("public", "internal")]
    catalog = [*CATALOG_3[:-1], {"type": "rax:object-cdn", "endpoints": endpoints}]
    assert LOGIN_3.read(keystone3(catalog=catalog), Choice(), NOW).cdn_url is None
    inside = LOGIN_3.read(keystone3(catalog=catalog), Choice(interface="internal"), NOW)
    assert inside.cdn_url == "http://internal/v1/a"


@pytest.mark.parametrize("token", [None, "", "two words", "line\nbreak"])
def test_an_answer_without_a_token(token: str | None) -> None:
    headers = {"x_storage_url": "https://host/v1/AUTH_test"} | ({} if token is None else {"x_auth_token": token})
    with pytest.raises(UnexpectedResponseError):
        TEMPAUTH.read(answer(**headers), Choice(), NOW)


def test_a_password_of_version_3() -> None:
    login = Keystone3(url="https://host/v3", user=DEMO, secret="geheim", project=DEMO)
    assert login.request().url == "https://host/v3/auth/tokens"
    named = {"name": "demo", "domain": {"id": "default"}}
    assert asked(login) == {
        "identity": {"methods": ["password"], "password": {"user": {**named, "password": "geheim"}}},
        "scope": {"project": named},
    }


def test_ids_go_before_names() -> None:
    user, project = Named(id="u", name="demo", domain=Named(id="d")), Named(id="p", name="demo")
    login = Keystone3(url="https://host/v3", user=user, secret="geheim", project=project)
    assert asked(login)["identity"]["password"]["user"] == {"id": "u", "password": "geheim"}
    assert asked(login)["scope"] == {"project": {"id": "p"}}


@pytest.mark.parametrize(
    ("credential", "expected"),
    [
        (Named(id="c"), {"id": "c", "secret": "geheim"}),
        (
            Named(name="c"),
            {"name": "c", "user": {"name": "demo", "domain": {"id": "default"}}, "secret": "geheim"},
        ),
    ],
)
def test_an_application_credential_has_its_project_by_itself(credential: Named, expected: object) -> None:
    login = Keystone3(url="https://host/v3", application_credential=credential, user=DEMO, secret="geheim")
    assert asked(login) == {"identity": {"methods": ["application_credential"], "application_credential": expected}}


def test_a_token_is_exchanged_for_one_of_the_project() -> None:
    login = Keystone3(url="https://host/v3", secret="old", project=Named(id="p"))
    assert asked(login)["identity"] == {"methods": ["token"], "token": {"id": "old"}}
    assert asked(login)["scope"] == {"project": {"id": "p"}}


CATALOG_3 = [
    {"type": "identity", "endpoints": [{"interface": "public", "region": "one", "url": "https://host/v3"}]},
    {
        "type": "object-store",
        "endpoints": [
            {"interface": "internal", "region": "one", "url": "http://inside/v1/AUTH_p"},
            {"interface": "public", "region": "one", "url": "https://one/v1/AUTH_p"},
            {"interface": "public", "region": "two", "url": "https://two/v1/AUTH_p/"},
        ],
    },
    {"type": "rax:object-cdn", "endpoints": [{"interface": "public", "region": "two", "url": "https://cdn/v1/p"}]},
]
LOGIN_3 = Keystone3(url="https://host/v3", user=DEMO, secret="geheim", project=DEMO)


def keystone3(**token: object) -> Response:
    return answer({"token": {"expires_at": "2026-01-02T01:00:00.000000Z", **token}}, x_subject_token="gAAAA")


@pytest.mark.parametrize(
    ("choice", "storage_url", "cdn_url"),
    [
        (Choice(), "https://one/v1/AUTH_p", "https://cdn/v1/p"),
        (Choice(region="one"), "https://one/v1/AUTH_p", None),
        (Choice(region="two"), "https://two/v1/AUTH_p", "https://cdn/v1/p"),
        (Choice(interface="internal"), "http://inside/v1/AUTH_p", None),
        (Choice(region="nowhere", storage_url="https://own/v1/a"), "https://own/v1/a", None),
    ],
)
def test_the_catalog_of_version_3(choice: Choice, storage_url: str, cdn_url: str | None) -> None:
    found = LOGIN_3.read(keystone3(catalog=CATALOG_3), choice, NOW)
    assert found == SwiftToken(
        value="gAAAA", storage_url=storage_url, cdn_url=cdn_url, expires_at=datetime(2026, 1, 2, 1, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    ("catalog", "choice", "why"),
    [
        (CATALOG_3, Choice(region="three"), "regions one, two"),
        (CATALOG_3[:1], Choice(), "no public endpoint"),
        ([], Choice(), "no project was named"),
    ],
)
def test_an_account_that_is_not_in_the_catalog(catalog: object, choice: Choice, why: str) -> None:
    with pytest.raises(InvalidArgumentError, match=why):
        LOGIN_3.read(keystone3(catalog=catalog), choice, NOW)


def test_version_2() -> None:
    login = Keystone2(url="https://host/v2.0", username="demo", secret="geheim", tenant=Named(name="demo"))
    assert login.request().url == "https://host/v2.0/tokens"
    credentials = {"username": "demo", "password": "geheim"}
    assert asked(login) == {"passwordCredentials": credentials, "tenantName": "demo"}
    by_token = Keystone2(url="https://host/v2.0", secret="old", tenant=Named(id="p", name="demo"))
    assert asked(by_token) == {"token": {"id": "old"}, "tenantId": "p"}
    endpoints = [
        {"region": "one", "publicURL": "https://one/v1/AUTH_p", "internalURL": "https://inside/v1/AUTH_p"},
        {"region": "two", "publicURL": "https://two/v1/AUTH_p"},
    ]
    told = answer({
        "access": {
            "token": {"id": "t", "expires": "2026-01-02T01:00:00Z"},
            "serviceCatalog": [{"type": "object-store", "endpoints": endpoints}],
        }
    })
    found = login.read(told, Choice(region="two"), NOW)
    assert (found.value, found.storage_url) == ("t", "https://two/v1/AUTH_p")
    assert found.expires_at == datetime(2026, 1, 2, 1, tzinfo=UTC)
    assert login.read(told, Choice(interface="internal"), NOW).storage_url == "https://inside/v1/AUTH_p"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"token": 7}'])
def test_answers_of_something_else(body: bytes) -> None:
    with pytest.raises((UnexpectedResponseError, InvalidArgumentError)):
        LOGIN_3.read(Response(status=200, headers={}, body=body), Choice(), NOW)


def test_secrets_are_in_no_repr() -> None:
    token = SwiftToken(value="geheim", storage_url="https://host/v1/a")
    logins = [TempAuth(url="u", user="u", key="geheim"), LOGIN_3, Keystone2(url="u", secret="geheim", tenant=DEMO)]
    assert "geheim" not in repr([token, *logins])


@pytest.mark.parametrize("url", ["", "host", "ftp://host", "https://user:geheim@host", "https://host/?key=geheim"])
def test_a_url_that_is_none_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        check_url(url, "auth_url")
    assert "auth_url" in str(caught.value)
    assert "geheim" not in str(caught.value)
