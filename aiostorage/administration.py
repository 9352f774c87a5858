"""What a driver can do beside moving content: headers, tags, holds, and the documents of containers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

from aiostorage._keywords import check_keywords
from aiostorage._transfer.copy import copy_within, kept_extra, kept_options
from aiostorage.errors import InvalidArgumentError, ObjectChangedError, PreconditionFailedError
from aiostorage.models import ObjectRef, ReadOptions
from aiostorage.object import Object
from aiostorage.options import UpdateOptions, changed_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiostorage.backend import Administration, Backend
    from aiostorage.container import Container
    from aiostorage.models import Capabilities, CustomerKey, Retention


class AdministrativeOperations(ABC):
    """The part of :class:`~aiostorage.Driver` that does not move content."""

    _backend: Backend
    _concurrency: int

    async def update_object(self, obj: Object, **changes: Unpack[UpdateOptions]) -> Object:
        """Change some headers, metadata or the storage class of an object, and leave the rest as it is.

        Where ``capabilities.update_in_place`` is False the provider copies the object onto itself:
        there it gets a new modification time, a new version where versions are kept, and the
        container's default access rights.

        Args:
            obj: The object.
            **changes: See :class:`~aiostorage.options.UpdateOptions`.

        Raises:
            ObjectNotFoundError: There is none of this name.
            ObjectChangedError: It was replaced meanwhile, as far as the provider can tell.
            UnsupportedError: Nothing of an object can be changed there.
        """
        check_keywords("update_object()", changes, UpdateOptions.__optional_keys__)
        where, customer_key = obj.container.name, changes.get("customer_key")
        ref = self._ref(obj, customer_key)
        info = await self._backend.head_object(
            where, obj.name, ReadOptions(version_id=ref.version_id, customer_key=customer_key)
        )
        kept = replace(kept_options(info), extra=kept_extra(self._backend, info))
        if customer_key is not None:
            kept = replace(kept, encryption=customer_key)
        options = changed_options(kept, changes)
        pinned = replace(ref, if_match=info.etag)
        if self._backend.capabilities.update_in_place:
            written = await self._backend.administration().update_object(pinned, options)
        else:
            self._require("update_object", self.capabilities.replaces_metadata, "change of metadata")
            try:
                written = await copy_within(
                    self._backend, pinned, where, obj.name, options, size=info.size, concurrency=self._concurrency
                )
            except PreconditionFailedError as error:
                raise ObjectChangedError("the object was replaced meanwhile", **error.details()) from error
        return Object(obj.container, obj.name, info=written)

    async def get_tags(self, obj: Object) -> Mapping[str, str]:
        """The tags of an object.

        Raises:
            UnsupportedError: Objects have none there; ``capabilities.tags`` tells.
        """
        extras = self._administration("get_tags", self.capabilities.tags, "tagging of objects")
        return await extras.get_tags(self._ref(obj))

    async def set_tags(self, obj: Object, tags: Mapping[str, str]) -> None:
        """Replace the tags of an object; an empty mapping removes them."""
        extras = self._administration("set_tags", self.capabilities.tags, "tagging of objects")
        await extras.set_tags(self._ref(obj), tags)

    async def set_acl(self, obj: Object, acl: str) -> None:
        """Replace who may do what with an object, by the provider's word for it, such as ``"private"``."""
        extras = self._administration("set_acl", self.capabilities.acl, "acl of objects")
        await extras.set_acl(self._ref(obj), acl)

    async def set_retention(self, obj: Object, retention: Retention | None, *, bypass_retention: bool = False) -> None:
        """Set until when an object cannot be deleted; None lifts it.

        Args:
            obj: The object.
            retention: Until when, and whether anybody may lift it.
            bypass_retention: Use the permission to shorten or lift what is set in ``governance`` mode.
        """
        extras = self._administration("set_retention", self.capabilities.retention, "retention")
        await extras.set_retention(self._ref(obj), retention, bypass_retention=bypass_retention)

    async def set_legal_hold(self, obj: Object, *, is_held: bool) -> None:
        """Keep an object from being deleted until it is let go again."""
        extras = self._administration("set_legal_hold", self.capabilities.retention, "legal hold")
        await extras.set_legal_hold(self._ref(obj), is_held=is_held)

    async def restore_object(self, obj: Object, *, days: int | None = None, tier: str | None = None) -> None:
        """Begin to make an archived object readable; that takes minutes to hours.

        Args:
            obj: The object.
            days: How many days a readable copy is kept, where the provider counts them.
            tier: How urgent it is, or where it goes, in the provider's own words.
        """
        extras = self._administration("restore_object", self.capabilities.restore, "archive")
        await extras.restore_object(self._ref(obj), days=days, tier=tier)

    async def get_setting(self, container: Container | str, name: str) -> str | None:
        """A document of a container, such as ``"lifecycle"``, ``"cors"`` or ``"policy"``.

        ``capabilities.settings`` has the names that the provider knows. The document is text in the
        provider's own form: on S3 XML, and JSON for a policy. None where the container has none.

        Raises:
            UnsupportedError: The provider has no document of this name.
        """
        where = self._container(container).name
        return await self._setting("get_setting", name).get_setting(where, name)

    async def set_setting(self, container: Container | str, name: str, document: str) -> None:
        """Replace a document of a container; see :meth:`get_setting`."""
        where = self._container(container).name
        await self._setting("set_setting", name).set_setting(where, name, document)

    async def delete_setting(self, container: Container | str, name: str) -> None:
        """Remove a document of a container; see :meth:`get_setting`. That there is none is no error."""
        where = self._container(container).name
        await self._setting("delete_setting", name).delete_setting(where, name)

    async def get_versioning(self, container: Container | str) -> bool:
        """Whether a container keeps what is written over or deleted."""
        where = self._container(container).name
        return await self._administration(
            "get_versioning", self.capabilities.versioning, "keeping of versions"
        ).get_versioning(where)

    async def set_versioning(self, container: Container | str, *, is_kept: bool) -> None:
        """Make a container keep what is written over or deleted, or keep no more of it."""
        where = self._container(container).name
        await self._administration(
            "set_versioning", self.capabilities.versioning, "keeping of versions"
        ).set_versioning(where, is_kept=is_kept)

    async def get_container_tags(self, container: Container | str) -> Mapping[str, str]:
        """The tags (GCS: labels) of a container."""
        where = self._container(container).name
        extras = self._administration("get_container_tags", self.capabilities.container_tags, "tagging of containers")
        return await extras.get_container_tags(where)

    async def set_container_tags(self, container: Container | str, tags: Mapping[str, str]) -> None:
        """Replace the tags (GCS: labels) of a container; an empty mapping removes them."""
        where = self._container(container).name
        extras = self._administration("set_container_tags", self.capabilities.container_tags, "tagging of containers")
        await extras.set_container_tags(where, tags)

    @property
    @abstractmethod
    def capabilities(self) -> Capabilities:
        """What the provider can do, with its limits."""

    @abstractmethod
    def _container(self, container: Container | str) -> Container: ...

    @abstractmethod
    def _check_own(self, obj: Object) -> None: ...

    @abstractmethod
    def _require(self, operation: str, is_possible: bool, what: str) -> None: ...

    def _ref(self, obj: Object, customer_key: CustomerKey | None = None) -> ObjectRef:
        self._check_own(obj)
        return ObjectRef(
            container=obj.container.name, key=obj.name, version_id=obj.requested_version_id, customer_key=customer_key
        )

    def _administration(self, operation: str, is_possible: bool, what: str) -> Administration:
        self._require(operation, is_possible, what)
        return self._backend.administration()

    def _setting(self, operation: str, name: str) -> Administration:
        known = self.capabilities.settings
        self._require(operation, bool(known), "document of a container")
        if name not in known:
            raise InvalidArgumentError(
                f"a container has no document {name!r}; it may have {', '.join(sorted(known))}",
                provider=self._backend.name,
                operation=operation,
            )
        return self._backend.administration()
