"""What lies beside the content of objects: holds, retention, access, and the documents of containers.

Source: https://cloud.google.com/storage/docs/json_api/v1/objects/patch,
https://cloud.google.com/storage/docs/json_api/v1/buckets/patch
"""

from __future__ import annotations

from dataclasses import replace
from json import dumps, loads
from typing import TYPE_CHECKING, Final, NoReturn

from aiostorage._http import json
from aiostorage._http.canonical import with_query
from aiostorage._http.messages import Request
from aiostorage.errors import InvalidArgumentError, UnsupportedError
from aiostorage.models import ReadOptions
from aiostorage.providers.gcs import requests, responses
from aiostorage.providers.gcs.config import SETTINGS
from aiostorage.providers.gcs.requests import JSON_TYPE, headers_of, json_body
from aiostorage.providers.gcs.resources import CONDITIONS, OBJECT_FIELDS, acl_word, object_resource, retention_resource
from aiostorage.providers.gcs.rewriting import rewrite
from aiostorage.providers.gcs.values import generation_of, key_headers, to_json_metadata

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from aiostorage._http.messages import Response
    from aiostorage.models import ObjectInfo, ObjectRef, Retention, WriteOptions
    from aiostorage.providers.gcs.config import Site

POLICY: Final = "policy"
_HEADERS: Final = ("contentType", "cacheControl", "contentDisposition", "contentEncoding", "contentLanguage")


class GCSAdministration:
    """The requests that are not about content.

    Args:
        site: Where to.
        send: Sends a request.
    """

    def __init__(self, site: Site, send: Callable[[Request], Awaitable[Response]]) -> None:
        self._site = site
        self._send = send

    # Objects

    async def update_object(self, ref: ObjectRef, options: WriteOptions) -> ObjectInfo:
        """Change the headers and metadata of an object to these; its storage class by rewriting it."""
        read = ReadOptions(version_id=ref.version_id, if_match=ref.if_match, customer_key=ref.customer_key)
        request = requests.head_object(self._site, ref.container, ref.key, read)
        response = await self._send(request)
        current = responses.object_info(request, response)
        if options.storage_class is not None and options.storage_class != current.storage_class:
            pinned = replace(ref, if_match=current.etag)
            changed = replace(options, if_match=current.etag, if_none_match=None)
            return await rewrite(self._site, self._send, pinned, ref.container, ref.key, changed)
        changes = self._changes(options, current)
        # So that nobody's change of metadata in between is lost.
        conditions = {"ifMetagenerationMatch": current.extra.get("metageneration")}
        conditions |= {name: value for name, value in options.extra.items() if name in CONDITIONS}
        return await self._patch(replace(ref, if_match=current.etag), changes, *conditions.items())

    async def set_acl(self, ref: ObjectRef, acl: str) -> None:
        """Replace who may do what with an object."""
        await self._patch(ref, {"acl": []}, ("predefinedAcl", acl_word(acl)))

    async def set_retention(
        self, ref: ObjectRef, retention: Retention | None, *, bypass_retention: bool = False
    ) -> None:
        """Set until when an object is kept; to shorten that, or to lift it, takes ``bypass_retention``."""
        resource = None if retention is None else retention_resource(retention)
        bypass = ("overrideUnlockedRetention", "true" if bypass_retention else None)
        await self._patch(ref, {"retention": resource}, bypass)

    async def set_legal_hold(self, ref: ObjectRef, *, is_held: bool) -> None:
        """Hold an object (a temporary hold, in Google's words), or let it go."""
        await self._patch(ref, {"temporaryHold": is_held})

    async def restore_object(self, ref: ObjectRef, *, days: int | None, tier: str | None) -> None:
        """Refused: archived objects are read as they are."""
        self._refuse("restore_object", "archived objects are read as they are")

    async def get_tags(self, ref: ObjectRef) -> Mapping[str, str]:
        """Refused: objects have no tags."""
        self._refuse("get_tags", "objects have no tags")

    async def set_tags(self, ref: ObjectRef, tags: Mapping[str, str]) -> None:
        """Refused: objects have no tags."""
        self._refuse("set_tags", "objects have no tags")

    # Containers

    async def get_setting(self, container: str, name: str) -> str | None:
        """A document of a container, as JSON; None where it has none."""
        self._check_setting(name)
        found = await self._bucket("get_setting", "GET", container, name)
        value = found if name == POLICY else found.get(name)
        return None if value is None else dumps(value)

    async def set_setting(self, container: str, name: str, document: str) -> None:
        """Replace a document of a container."""
        self._check_setting(name)
        try:
            value: object = loads(document)
        except ValueError:
            raise InvalidArgumentError("documents of containers are JSON", provider="gcs") from None
        method = "PUT" if name == POLICY else "PATCH"
        await self._bucket("set_setting", method, container, name, value if name == POLICY else {name: value})

    async def delete_setting(self, container: str, name: str) -> None:
        """Remove a document of a container; its policy cannot be removed, only replaced."""
        self._check_setting(name)
        if name == POLICY:
            self._refuse("delete_setting", "a container always has a policy")
        await self._bucket("delete_setting", "PATCH", container, name, {name: None})

    async def get_versioning(self, container: str) -> bool:
        """Whether a container keeps what is written over or deleted."""
        found = await self._bucket("get_versioning", "GET", container, "versioning")
        return json.member(found, "versioning").get("enabled") is True

    async def set_versioning(self, container: str, *, is_kept: bool) -> None:
        """Make a container keep what is written over or deleted, or keep no more of it."""
        resource = {"versioning": {"enabled": is_kept}}
        await self._bucket("set_versioning", "PATCH", container, "versioning", resource)

    async def get_container_tags(self, container: str) -> Mapping[str, str]:
        """The labels of a container."""
        return json.text_map(await self._bucket("get_container_tags", "GET", container, "labels"), "labels")

    async def set_container_tags(self, container: str, tags: Mapping[str, str]) -> None:
        """Replace the labels of a container."""
        old = await self.get_container_tags(container)
        labels = {**dict.fromkeys(old), **tags}
        await self._bucket("set_container_tags", "PATCH", container, "labels", {"labels": labels})

    # Requests

    def _changes(self, options: WriteOptions, current: ObjectInfo) -> dict[str, object]:
        """What makes an object such as it shall be: a patch leaves alone what it does not name."""
        resource = object_resource(replace(options, storage_class=None, retention=None, legal_hold=None))
        metadata = {**dict.fromkeys(current.metadata), **to_json_metadata(options.metadata)}
        return {**dict.fromkeys(_HEADERS), **resource, "metadata": metadata}

    async def _patch(
        self, ref: ObjectRef, changes: dict[str, object], *parameters: tuple[str, str | None]
    ) -> ObjectInfo:
        url = with_query(
            self._site.base_url + requests.object_path(ref.container, ref.key),
            ("generation", None if ref.version_id is None else generation_of(ref.version_id, what="the version")),
            ("ifGenerationMatch", None if ref.if_match is None else generation_of(ref.if_match)),
            *parameters,
            ("fields", OBJECT_FIELDS),
        )
        request = Request(
            operation="update_object",
            method="PATCH",
            url=url,
            headers=headers_of(self._site, {"content-type": JSON_TYPE, **key_headers(ref.customer_key)}),
            body=json_body(changes),
            container=ref.container,
            key=ref.key,
            is_repeatable=all(name != "ifMetagenerationMatch" for name, _ in parameters),
        )
        return responses.object_info(request, await self._send(request))

    async def _bucket(
        self, operation: str, method: str, container: str, name: str, resource: object = None
    ) -> json.JSONObject:
        path = requests.container_path(container)
        if name == POLICY:
            url = with_query(f"{self._site.base_url}{path}/iam", ("optionsRequestedPolicyVersion", "3"))
            url = url if method == "GET" else f"{self._site.base_url}{path}/iam"
        else:
            url = with_query(self._site.base_url + path, ("fields", name))
        request = Request(
            operation=operation,
            method=method,
            url=url,
            headers=headers_of(self._site, {"content-type": JSON_TYPE} if resource is not None else None),
            body=b"" if resource is None else json_body(resource),
            container=container,
        )
        response = await self._send(request)
        with responses.well_formed(request, response):
            return responses.document(response)

    def _check_setting(self, name: str) -> None:
        if name not in SETTINGS:
            raise InvalidArgumentError(f"a container's documents are {', '.join(sorted(SETTINGS))}", provider="gcs")

    def _refuse(self, operation: str, why: str) -> NoReturn:
        raise UnsupportedError(why, provider="gcs", operation=operation)
