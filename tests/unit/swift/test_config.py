"""Options and environment: which login they name."""

from __future__ import annotations

from typing import cast

import pytest

from aiostorage.errors import InvalidArgumentError
from aiostorage.providers.swift.config import Settings, SwiftOptions, split_options
from aiostorage.providers.swift.identity import DEFAULT_DOMAIN, Keystone2, Keystone3, Named, TempAuth

OS = {
    "OS_AUTH_URL": "https://keystone:5000/v3",
    "OS_USERNAME": "demo",
    "OS_PASSWORD": "geheim",
    "OS_PROJECT_NAME": "project",
}
ST = {"ST_AUTH": "https://host/auth/v1.0", "ST_USER": "test:tester", "ST_KEY": "testing"}


def settings(environ: dict[str, str] | None = None, /, **options: object) -> Settings:
    return split_options(cast("SwiftOptions", options), environ or {})[0]


def test_the_environment_of_openstack() -> None:
    found = settings({**OS, "OS_REGION_NAME": "one", "OS_INTERFACE": "internal", "OS_USER_DOMAIN_NAME": "d"})
    assert found.login == Keystone3(
        url="https://keystone:5000/v3",
        user=Named(name="demo", domain=Named(name="d")),
        secret="geheim",
        project=Named(name="project", domain=DEFAULT_DOMAIN),
    )
    assert (found.region, found.interface) == ("one", "internal")


def test_the_environment_of_tempauth() -> None:
    assert settings(ST).login == TempAuth(url="https://host/auth/v1.0", user="test:tester", key="testing")
    assert isinstance(settings({**ST, **OS}).login, Keystone3)
    own = settings(ST, auth_url="https://other/auth/v1.0", username="a:b", password="c")
    assert own.login == TempAuth(url="https://other/auth/v1.0", user="a:b", key="c")


@pytest.mark.parametrize(
    ("url", "version", "kind"),
    [
        ("https://host/auth/v1.0", None, TempAuth),
        ("https://host/auth/v1", None, TempAuth),
        ("https://host/v2.0", None, Keystone2),
        ("https://host/v3", None, Keystone3),
        ("https://host/identity", None, Keystone3),
        ("https://host", "2", Keystone2),
        ("https://host", "v1.0", TempAuth),
        ("https://host/v3/", "3", Keystone3),
    ],
)
def test_versions(url: str, version: str | None, kind: type) -> None:
    given = {"OS_IDENTITY_API_VERSION": version} if version else {}
    found = settings(given, auth_url=url, username="u", password="p").login
    assert isinstance(found, kind)
    if isinstance(found, Keystone3):
        assert found.url.endswith("/v3")
        assert found.url.count("v3") == 1


def test_an_application_credential() -> None:
    environ = {
        "OS_AUTH_URL": "https://host/v3",
        "OS_APPLICATION_CREDENTIAL_ID": "c",
        "OS_APPLICATION_CREDENTIAL_SECRET": "geheim",
    }
    found = settings(environ).login
    assert isinstance(found, Keystone3)
    assert (found.application_credential, found.secret, found.project) == (Named(id="c"), "geheim", None)


def test_what_is_given_goes_before_what_is_only_in_the_environment() -> None:
    environ = {**OS, "OS_APPLICATION_CREDENTIAL_ID": "c", "OS_APPLICATION_CREDENTIAL_SECRET": "s"}
    found = settings(environ, username="own", password="p").login
    assert isinstance(found, Keystone3)
    assert (found.user, found.application_credential) == (Named(name="own", domain=DEFAULT_DOMAIN), None)
    by_token = settings(OS, token="old").login
    assert isinstance(by_token, Keystone3)
    assert (by_token.user, by_token.secret) == (None, "old")


def test_a_token_with_the_account_is_used_as_it_is() -> None:
    found = settings(token="t", storage_url="https://host/v1/AUTH_a/")
    assert (found.login, found.token, found.storage_url) == (None, "t", "https://host/v1/AUTH_a")
    assert settings({"OS_AUTH_TOKEN": "t", "OS_STORAGE_URL": "https://host/v1/a"}).token == "t"
    assert settings(OS, storage_url="https://host/v1/AUTH_a").login is not None


def test_anonymous_access() -> None:
    found = settings(OS, anonymous=True, storage_url="https://host/v1/AUTH_a")
    assert (found.login, found.token) == (None, None)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"auth_url": "https://host/v3"},
        {"auth_url": "https://host/auth/v1.0", "username": "u"},
        {"auth_url": "https://host/v3", "username": "u"},
        {"auth_url": "https://host/v3", "application_credential_id": "c"},
        {"auth_url": "https://host/v3", "application_credential_name": "c", "application_credential_secret": "s"},
        {"auth_url": "https://host/v2.0", "username": "u"},
        {"auth_url": "nonsense", "username": "u", "password": "p"},
        {"auth_url": "https://host/v3", "username": "u", "password": "p", "auth_version": "4"},
        {"auth_url": "https://host/v3", "username": "u", "password": "p", "interface": "secret"},
        {"auth_url": "https://host/v3", "username": "u", "password": "p", "temp_url_digest": "md5"},
        {"auth_url": "https://host/v3", "username": 7, "password": "p"},
        {"anonymous": True},
        {"anonymous": True, "storage_url": "https://host/v1/a", "token": "t"},
        {"storage_url": "https://host/v1/a"},
        {"token": "t", "application_credential_id": "c", "application_credential_secret": "s"},
    ],
)
def test_options_that_do_not_say_how_to_log_in(options: dict[str, object]) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        settings(**options)
    assert caught.value.provider == "swift"


def test_what_is_about_http_is_left() -> None:
    environ = {**OS, "OS_CACERT": "/ca.pem", "OS_CERT": "/cert.pem", "OS_KEY": "/key.pem"}
    options: SwiftOptions = {"region": "one", "max_connections": 7}
    http = split_options(options, environ)[1]
    assert http == {"max_connections": 7, "ca_bundle": "/ca.pem", "client_certificate": ("/cert.pem", "/key.pem")}
    assert split_options({"ca_bundle": None}, environ)[1].get("ca_bundle") is None


def test_secrets_are_in_no_repr() -> None:
    found = settings(OS, temp_url_key="geheim")
    fixed = settings(token="geheim", storage_url="https://host/v1/a")
    assert "geheim" not in repr([found, fixed])
