from __future__ import annotations

from typing import TYPE_CHECKING

import botocore.session
import pytest

from aiostorage.errors import AuthenticationError, InvalidArgumentError, StorageError, UnsupportedError
from aiostorage.providers.s3.credentials import S3Credentials
from aiostorage.providers.s3.credentials.asking import Network
from aiostorage.providers.s3.credentials.container import Container
from aiostorage.providers.s3.credentials.instance import Instance
from aiostorage.providers.s3.credentials.process import Process
from aiostorage.providers.s3.credentials.profile import Profiles
from aiostorage.providers.s3.credentials.sts import AssumedRole, Role, Service, WebIdentity
from aiostorage.providers.s3.shared_files import read_files

if TYPE_CHECKING:
    from pathlib import Path

    from aiostorage.providers.s3.credentials.values import Found

NETWORK = Network()
STS = Service(url="https://sts.eu-west-1.amazonaws.com/", region="eu-west-1", network=NETWORK)

CONFIG = """
[profile keys]
aws_access_key_id = AKIA-keys
aws_secret_access_key = hunter2
[profile role]
role_arn = arn:role
source_profile = keys
region = eu-west-1
external_id = ext
role_session_name = me
duration_seconds = 1200
mfa_serial = device
[profile chained]
role_arn = arn:chained
source_profile = role
region = eu-west-1
[profile itself]
role_arn = arn:itself
source_profile = itself
aws_access_key_id = AKIA-itself
aws_secret_access_key = hunter2
region = eu-west-1
[profile keys and role]
role_arn = arn:unused
source_profile = keys
aws_access_key_id = AKIA-both
aws_secret_access_key = hunter2
[profile of both]
role_arn = arn:of-both
source_profile = keys and role
region = eu-west-1
[profile machine]
role_arn = arn:machine
credential_source = Ec2InstanceMetadata
ec2_metadata_service_endpoint = http://machine
region = eu-west-1
[profile task]
role_arn = arn:task
credential_source = EcsContainer
region = eu-west-1
[profile environment]
role_arn = arn:environment
credential_source = Environment
region = eu-west-1
[profile web]
role_arn = arn:web
web_identity_token_file = /token
region = eu-west-1
[profile process]
credential_process = run me
[profile of process]
role_arn = arn:of-process
source_profile = process
region = eu-west-1
[profile only region]
region = eu-west-1
[profile login]
sso_session = corp
[profile console]
login_session = arn:x
[profile login and process]
sso_session = corp
credential_process = run me
[profile circle a]
role_arn = arn:a
source_profile = circle b
[profile circle b]
role_arn = arn:b
source_profile = circle a
[profile own circle]
role_arn = arn:a
source_profile = own circle
[profile lost]
role_arn = arn:a
source_profile = nowhere
[profile two]
role_arn = arn:a
source_profile = keys
credential_source = Environment
[profile none]
role_arn = arn:a
[profile odd]
role_arn = arn:a
credential_source = hunter2
[profile of nothing]
role_arn = arn:a
source_profile = only region
[profile long]
role_arn = arn:a
source_profile = keys
duration_seconds = hunter2
[profile half]
aws_access_key_id = hunter2
[profile broken]
aws_access_key_id = AKIA
aws_secret_access_key = hunter2
\tmore
"""


@pytest.fixture
def profiles(tmp_path: Path) -> Profiles:
    (tmp_path / "config").write_text(CONFIG)
    environ = {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_ACCESS_KEY_ID": "AKIA-env",
        "AWS_SECRET_ACCESS_KEY": "hunter2",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/task",
    }
    return Profiles(files=read_files(environ), environ=environ, network=NETWORK)


def keys(key_id: str) -> S3Credentials:
    return S3Credentials(access_key_id=key_id, secret_access_key="hunter2")


def role(name: str, base: Found) -> AssumedRole:
    return AssumedRole(service=STS, role=Role(arn=f"arn:{name}"), base=base)


ROLE = AssumedRole(
    service=STS,
    role=Role(arn="arn:role", session_name="me", duration_s=1200, external_id="ext", mfa_serial="device"),
    base=keys("AKIA-keys"),
)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("keys", keys("AKIA-keys")),
        ("role", ROLE),
        ("chained", role("chained", ROLE)),
        ("itself", role("itself", keys("AKIA-itself"))),
        ("of both", role("of-both", keys("AKIA-both"))),
        ("machine", role("machine", Instance(endpoint="http://machine"))),
        ("task", role("task", Container(url="http://169.254.170.2/task"))),
        ("environment", role("environment", keys("AKIA-env"))),
        ("web", WebIdentity(service=STS, role=Role(arn="arn:web"), token_file="/token")),
        ("process", Process(command="run me", profile="process")),
        ("login and process", Process(command="run me", profile="login and process")),
        ("of process", role("of-process", Process(command="run me", profile="process"))),
        ("only region", None),
        ("nowhere", None),
    ],
)
def test_what_a_profile_leads_to(profiles: Profiles, name: str, found: Found | None) -> None:
    assert profiles.follow(name) == found
    assert "hunter2" not in repr((profiles.follow(name), profiles.files))


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("login", AuthenticationError, "sso_account_id"),
        ("console", UnsupportedError, "export-credentials --profile console"),
        ("circle a", AuthenticationError, "circle a -> circle b -> circle a"),
        ("own circle", AuthenticationError, "own circle -> own circle"),
        ("lost", AuthenticationError, "'nowhere' that is not there"),
        ("two", InvalidArgumentError, "source_profile and credential_source"),
        ("none", InvalidArgumentError, "has none"),
        ("odd", InvalidArgumentError, "EcsContainer"),
        ("of nothing", AuthenticationError, "'only region'"),
        ("long", InvalidArgumentError, "duration_seconds"),
        ("half", AuthenticationError, "half"),
        ("broken", AuthenticationError, "line break"),
    ],
)
def test_profiles_that_lead_nowhere(profiles: Profiles, name: str, kind: type[StorageError], message: str) -> None:
    with pytest.raises(kind, match=message) as caught:
        profiles.follow(name)
    assert type(caught.value) is kind
    assert caught.value.provider == "s3"
    assert "hunter2" not in str(caught.value)


NEW = "aws_access_key_id = NEW\naws_secret_access_key = hunter2new\n"
OLD = "aws_access_key_id = OLD\naws_secret_access_key = hunter2old\n"
TOKEN = "aws_session_token = hunter2token\n"


@pytest.mark.parametrize(
    ("credentials", "config"),
    [
        (NEW, OLD + TOKEN),
        (NEW + TOKEN, OLD),
        (NEW, TOKEN),
        (TOKEN, OLD),
        (TOKEN, OLD + TOKEN.replace("token", "other token")),
        ("aws_secret_access_key = hunter2new\n", OLD + TOKEN),
        ("", OLD + TOKEN),
        (NEW, "aws_secret_access_key = hunter2old\n" + TOKEN),
    ],
)
def test_keys_and_token_are_of_one_file_as_botocore_takes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, credentials: str, config: str
) -> None:
    (tmp_path / "credentials").write_text(f"[default]\n{credentials}")
    (tmp_path / "config").write_text(f"[default]\n{config}")
    environ = {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    theirs = botocore.session.Session().get_credentials()
    assert Profiles(files=read_files(environ), environ=environ, network=NETWORK).follow("default") == S3Credentials(
        access_key_id=theirs.access_key, secret_access_key=theirs.secret_key, session_token=theirs.token
    )
