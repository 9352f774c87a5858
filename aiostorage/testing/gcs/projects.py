"""What the API knows of projects and of who may do what: as much as clients ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiostorage.testing.gcs.errors import not_found, required
from aiostorage.testing.gcs.messages import Answer, Call, json_answer

if TYPE_CHECKING:
    from aiostorage.testing.gcs.buckets import Bucket
    from aiostorage.testing.gcs.cloud import Cloud
    from aiostorage.testing.gcs.messages import Record


def answer(cloud: Cloud, call: Call, project: str, rest: list[str]) -> Answer:
    """What a project has.

    Raises:
        GCSError: Nothing like this.
    """
    match (call.method, rest):
        case ("GET", ["serviceAccount"]):
            email = f"service-{project}@gs-project-accounts.iam.gserviceaccount.com"
            return json_answer({"kind": "storage#serviceAccount", "email_address": email})
        case ("POST", ["hmacKeys"]):
            return _new_hmac_key(cloud, call, project)
        case _:
            raise not_found()


def _new_hmac_key(cloud: Cloud, call: Call, project: str) -> Answer:
    email = call.query.get("serviceAccountEmail")
    if email is None:
        raise required("serviceAccountEmail")
    access_id, secret = cloud.accounts.new_hmac_key()
    metadata: Record = {
        "kind": "storage#hmacKeyMetadata",
        "id": f"{project}/{access_id}",
        "accessId": access_id,
        "projectId": project,
        "serviceAccountEmail": email,
        "state": "ACTIVE",
    }
    return json_answer({"kind": "storage#hmacKey", "secret": secret, "metadata": metadata})


def policy(cloud: Cloud, call: Call, bucket: Bucket, rest: list[str]) -> Answer:
    """A bucket's policy: kept, but nobody is refused by it.

    Raises:
        GCSError: Nothing like this.
    """
    match (call.method, rest):
        case ("GET", ["testPermissions"]):
            kind = "storage#testIamPermissionsResponse"
            return json_answer({"kind": kind, "permissions": [*call.values("permissions")]})
        case ("GET", []):
            pass
        case ("PUT", []):
            bucket.policy = {key: value for key, value in call.document().items() if key in {"bindings", "version"}}
            bucket.touch(cloud.now())
        case _:
            raise not_found()
    document: Record = {
        "kind": "storage#policy",
        "resourceId": f"projects/_/buckets/{bucket.name}",
        "version": 1,
        "bindings": [],
        "etag": bucket.etag,
    }
    return json_answer(document | bucket.policy)
