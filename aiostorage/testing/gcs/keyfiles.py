"""The files in which clients look for credentials, made for the accounts of a server.

Source: https://cloud.google.com/docs/authentication/application-default-credentials
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from aiostorage.testing.gcs.accounts import DEFAULT_EMAIL

if TYPE_CHECKING:
    from pathlib import Path

    from aiostorage.testing.gcs.cloud import Cloud
    from aiostorage.testing.gcs.messages import Record

POOL = "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/pool/providers/provider"


def service_account(cloud: Cloud, endpoint: str) -> Record:
    """A new key of the server's account; needs ``cryptography``."""
    return cloud.accounts.new_key(DEFAULT_EMAIL, f"{endpoint}/token", project=cloud.settings.project)


def authorized_user(cloud: Cloud, endpoint: str) -> Record:
    """What a user who has logged in has."""
    client = cloud.accounts.new_client()
    return {
        "type": "authorized_user",
        "client_id": client.client_id,
        "client_secret": client.client_secret,
        "refresh_token": client.refresh_token,
        "token_uri": f"{endpoint}/token",
        "quota_project_id": cloud.settings.project,
        "universe_domain": "googleapis.com",
    }


def external_account(cloud: Cloud, endpoint: str, subject_token: Path) -> Record:
    """What a workload elsewhere has; the token of its own provider is in a file, which is written here."""
    token = cloud.new_id()
    cloud.accounts.subject_tokens.add(token)
    subject_token.write_text(token, encoding="utf-8")
    return {
        "type": "external_account",
        "audience": POOL,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": f"{endpoint}/v1/token",
        "credential_source": {"file": str(subject_token)},
        "universe_domain": "googleapis.com",
    }


def impersonated(cloud: Cloud, endpoint: str) -> Record:
    """What a user has who may act as the server's account."""
    source = authorized_user(cloud, endpoint)
    return {
        "type": "impersonated_service_account",
        "service_account_impersonation_url": impersonation_url(endpoint),
        "delegates": [],
        "source_credentials": source,
    }


def impersonation_url(endpoint: str) -> str:
    """Where tokens of the server's account are to be had for tokens of others."""
    return f"{endpoint}/v1/projects/-/serviceAccounts/{DEFAULT_EMAIL}:generateAccessToken"


def write_all(cloud: Cloud, endpoint: str, folder: Path) -> None:
    """One file of each kind, and a key for signatures by HMAC."""
    folder.mkdir(parents=True, exist_ok=True)
    access_id, secret = cloud.accounts.new_hmac_key()
    external = external_account(cloud, endpoint, folder / "subject_token")
    documents: dict[str, Record] = {
        "service_account": service_account(cloud, endpoint),
        "authorized_user": authorized_user(cloud, endpoint),
        "external_account": external,
        "external_account_impersonated": {
            **external,
            "service_account_impersonation_url": impersonation_url(endpoint),
        },
        "impersonated_service_account": impersonated(cloud, endpoint),
        "hmac": {"access_id": access_id, "secret": secret},
    }
    for name, document in documents.items():
        (folder / f"{name}.json").write_text(json.dumps(document, indent=2), encoding="utf-8")
