from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from aiostorage import AzureDriver, connect
from aiostorage.errors import AuthenticationError, InvalidArgumentError
from aiostorage.providers.azure.config import EMULATOR_KEY, Settings, make_site, split_options
from aiostorage.providers.azure.credentials import SASToken, SharedKey

SECRET = b64encode(b"hunter2").decode()


def url_of(environ: dict[str, str] | None = None, **settings: Any) -> str:
    return make_site(Settings(**settings), environ or {})[0].url


def test_an_account_is_enough() -> None:
    site, lasting = make_site(Settings(account_name="account"), {})
    assert (site.url, site.account, lasting) == ("https://account.blob.core.windows.net", "account", None)


@pytest.mark.parametrize(
    ("endpoint", "account"),
    [
        ("https://abc.blob.core.windows.net/", "abc"),
        ("https://abc.blob.core.chinacloudapi.cn", "abc"),
        ("https://abc.z1.blob.storage.azure.net", "abc"),
        ("http://127.0.0.1:10000/abc", "abc"),
        ("http://localhost:10000/abc/", "abc"),
        ("http://azurite:10000/abc", "abc"),
        ("http://[::1]:10000/abc", "abc"),
    ],
)
def test_an_endpoint_names_its_account(endpoint: str, account: str) -> None:
    site, _ = make_site(Settings(endpoint=endpoint), {})
    assert (site.url, site.account) == (endpoint.rstrip("/"), account)


@pytest.mark.parametrize(
    ("string", "url"),
    [
        (f"AccountName=abc;AccountKey={SECRET}", "https://abc.blob.core.windows.net"),
        (
            f" DefaultEndpointsProtocol=http ; AccountName=abc;AccountKey={SECRET};EndpointSuffix=core.other.cn; ",
            "http://abc.blob.core.other.cn",
        ),
        (f"BlobEndpoint=https://h:1/abc;AccountName=abc;AccountKey={SECRET}", "https://h:1/abc"),
        ("UseDevelopmentStorage=true", "http://127.0.0.1:10000/devstoreaccount1"),
        (
            "UseDevelopmentStorage=true;DevelopmentStorageProxyUri=http://azurite/",
            "http://azurite:10000/devstoreaccount1",
        ),
    ],
)
def test_connection_strings(string: str, url: str) -> None:
    site, lasting = make_site(Settings(connection_string=string), {"AZURE_STORAGE_ACCOUNT": "other"})
    assert site.url == url
    assert isinstance(lasting, SharedKey)
    assert make_site(Settings(), {"AZURE_STORAGE_CONNECTION_STRING": string})[0].url == url


def test_a_connection_string_with_a_signature() -> None:
    string = "BlobEndpoint=https://abc.blob.core.windows.net/;SharedAccessSignature=sv=1&sig=hunter2%3D"
    site, lasting = make_site(Settings(connection_string=string), {})
    assert site.account == "abc"
    assert isinstance(lasting, SASToken)
    assert lasting.token == "sv=1&sig=hunter2%3D"


@pytest.mark.parametrize("string", ["hunter2", "AccountName=abc;hunter2", "EndpointSuffix=a/b;AccountName=abc"])
def test_malformed_connection_strings(string: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        make_site(Settings(connection_string=string), {})
    assert "hunter2" not in str(caught.value)


def test_the_environment() -> None:
    environ = {"AZURE_STORAGE_ACCOUNT": "abc", "AZURE_STORAGE_KEY": SECRET}
    site, lasting = make_site(Settings(), environ)
    assert site.account == "abc"
    assert isinstance(lasting, SharedKey)
    assert lasting.account_key == b"hunter2"
    assert url_of({"AZURE_STORAGE_ACCOUNT_NAME": "def"}) == "https://def.blob.core.windows.net"
    assert url_of({"AZURE_STORAGE_SERVICE_ENDPOINT": "https://h/ghi"}) == "https://h/ghi"
    _, token = make_site(Settings(account_name="abc"), {"AZURE_STORAGE_SAS_TOKEN": "?sig=x"})
    assert isinstance(token, SASToken)


def test_options_go_before_the_environment() -> None:
    environ = {
        "AZURE_STORAGE_CONNECTION_STRING": f"AccountName=other;AccountKey={SECRET}",
        "AZURE_STORAGE_SERVICE_ENDPOINT": "https://other/other",
        "AZURE_STORAGE_SAS_TOKEN": "sig=x",
    }
    site, lasting = make_site(Settings(account_name="abc", account_key=EMULATOR_KEY), environ)
    assert site.url == "https://abc.blob.core.windows.net"
    assert isinstance(lasting, SharedKey)
    assert make_site(Settings(account_name="abc", anonymous=True), environ)[1] is None


@pytest.mark.parametrize(
    ("settings", "named", "is_used"),
    [
        ({"account_name": "abc"}, {}, True),
        ({"account_name": "abc"}, {"AZURE_STORAGE_ACCOUNT": "abc"}, True),
        ({"account_name": "abc"}, {"AZURE_STORAGE_ACCOUNT_NAME": "other"}, False),
        ({"endpoint": "https://abc.blob.core.chinacloudapi.cn"}, {"AZURE_STORAGE_ACCOUNT": "abc"}, True),
        ({"endpoint": "http://127.0.0.1:10000/abc"}, {"AZURE_STORAGE_ACCOUNT": "abc"}, True),
        ({"endpoint": "https://abc.blob.core.windows.net"}, {}, False),
        ({"endpoint": "https://other.blob.core.windows.net"}, {"AZURE_STORAGE_ACCOUNT": "abc"}, False),
        ({"endpoint": "https://other.example", "account_name": "abc"}, {"AZURE_STORAGE_ACCOUNT": "abc"}, False),
        ({"endpoint": "https://h/abc/"}, {"AZURE_STORAGE_SERVICE_ENDPOINT": "https://h/abc"}, True),
        ({"connection_string": "AccountName=abc;EndpointSuffix=other.example"}, {}, False),
        ({"connection_string": "BlobEndpoint=https://other.example"}, {"AZURE_STORAGE_ACCOUNT": "abc"}, False),
        ({}, {"AZURE_STORAGE_CONNECTION_STRING": "BlobEndpoint=https://data.example;AccountName=abc"}, True),
        ({}, {"AZURE_STORAGE_SERVICE_ENDPOINT": "https://data.example", "AZURE_STORAGE_ACCOUNT": "abc"}, True),
    ],
)
def test_a_signature_in_the_environment_goes_to_its_own_account(
    settings: dict[str, str], named: dict[str, str], is_used: bool
) -> None:
    """Whoever is sent it can use it."""
    _, found = make_site(Settings(**settings), {**named, "AZURE_STORAGE_SAS_TOKEN": "sig=x"})  # type: ignore[arg-type]
    assert isinstance(found, SASToken) is is_used
    _, given = make_site(Settings(**settings, sas_token="sig=y"), named)  # type: ignore[arg-type]
    assert isinstance(given, SASToken)


def test_a_key_in_the_environment_signs_for_its_own_account() -> None:
    """It is sent to nobody, so any endpoint of that account will do."""
    key = {"AZURE_STORAGE_KEY": SECRET}
    for settings, named in (
        (Settings(endpoint="http://azurite:10000/abc"), {}),
        (Settings(endpoint="https://data.example", account_name="abc"), {"AZURE_STORAGE_ACCOUNT": "abc"}),
    ):
        assert isinstance(make_site(settings, {**key, **named})[1], SharedKey)
    assert make_site(Settings(account_name="abc"), {**key, "AZURE_STORAGE_ACCOUNT": "other"})[1] is None


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"account_name": "A"},
        {"account_name": "a/b"},
        {"endpoint": "ftp://abc"},
        {"endpoint": "https://user:hunter2@abc.blob.core.windows.net"},
        {"endpoint": "https://abc.blob.core.windows.net?sig=hunter2"},
    ],
)
def test_what_names_no_account(settings: dict[str, str]) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        make_site(Settings(**settings), {})  # type: ignore[arg-type]
    assert "hunter2" not in str(caught.value)


def test_a_key_that_is_none() -> None:
    with pytest.raises(AuthenticationError) as caught:
        make_site(Settings(account_name="abc", account_key="hunter2!"), {})
    assert "hunter2" not in f"{caught.value!r}{caught.value.__cause__}{caught.value.__context__}"


def test_contradictions() -> None:
    with pytest.raises(InvalidArgumentError, match="choose one"):
        split_options({"account_key": SECRET, "sas_token": "sig=x"})
    with pytest.raises(InvalidArgumentError, match="choose one"):
        split_options({"account_key": SECRET, "anonymous": True})
    with pytest.raises(InvalidArgumentError, match="api_version"):
        split_options({"api_version": "newest"})


def test_tokens_need_tls() -> None:
    class Identity:
        async def get_token(self, *scopes: str) -> Any: ...

    with pytest.raises(InvalidArgumentError, match="https"):
        AzureDriver(endpoint="http://127.0.0.1:1/abc", credential=Identity())


def test_what_an_account_can_do_depends_on_its_settings() -> None:
    plain = AzureDriver(account_name="abc", account_key=SECRET).capabilities
    assert not plain.versioning
    assert not plain.retention
    assert plain.encryption == {"customer"}
    rich = AzureDriver(account_name="abc", account_key=SECRET, versioning=True, immutability=True).capabilities
    assert rich.versioning
    assert rich.retention
    assert AzureDriver(endpoint="http://h/abc", account_key=SECRET).capabilities.encryption == frozenset()


def test_a_url() -> None:
    driver = connect("azure://?account_name=abc&versioning=true&delete_snapshots=false", account_key=SECRET)
    assert isinstance(driver, AzureDriver)
    assert driver.capabilities.versioning
    for url in ("azure://container", "azure:///container", "azure://?account_key=x"):
        with pytest.raises(InvalidArgumentError):
            connect(url)
    with pytest.raises(InvalidArgumentError, match="region"):
        connect("azure://?account_name=abc&region=x")


def test_nothing_secret_is_shown() -> None:
    settings = Settings(account_key="hunter2", sas_token="hunter2", connection_string="hunter2")
    assert "hunter2" not in repr(settings)
