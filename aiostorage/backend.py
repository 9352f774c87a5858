r"""What whoever adds a provider fills in: one coroutine for one request, and nothing to inherit.

``Driver``, ``Container`` and ``Object`` are written once, over this protocol. A backend does not
retry a whole transfer, split objects into parts, iterate over pages, or guess: it makes the one
request that it is asked to make, and raises a :class:`~aiostorage.errors.StorageError` when the
answer is not the one that was hoped for.

Rules for all of them:

* A key is an opaque string. What the provider cannot hold is refused by :meth:`Backend.check_name`
  before any request; nothing is normalised.
* An object is published whole or not at all, by ``put_object``, ``complete_upload`` and
  ``copy_object`` alike.
* Every method may be cancelled at any ``await``, and then leaves no connection, file or task open.
* ``on_sent`` is called with the number of body bytes that have moved since the last call, from the
  event loop's thread; a negative number takes back what a failed attempt had reported.

Write a driver in an afternoon
------------------------------

``examples/webdav_driver.py`` is one, for any WebDAV server, in the order of these steps. It needs nothing of
this package but public names: values and errors from ``aiostorage``, what HTTP takes from
:mod:`aiostorage.http`, and the tests from :mod:`aiostorage.testing`.

1.  **Say what the provider can do**, in a :class:`~aiostorage.models.Capabilities`. All is False unless you
    say otherwise, and :class:`~aiostorage.driver.Driver` refuses what is False before it asks the backend.
    Begin with only the ``limits``, and add what you have written.

2.  **Say which names it can hold**, in :meth:`Backend.check_name`. What cannot be stored under exactly that
    name is refused.

3.  **Write what needs no network as functions.** A function for each request makes a
    :class:`aiostorage.http.Request`, and one for each answer reads it. Two more are handed to the
    :class:`aiostorage.http.HTTPClient`: ``sign``, which makes what goes over the wire in each attempt, and
    ``read_error``, which tells what an answer that is no success means, and whether the same request may
    succeed later. :data:`aiostorage.http.BY_STATUS` has what all services agree on. ``is_repeatable=False`` is for
    requests that do harm when they are sent twice, because the first answer was lost.

4.  **Fill in the protocol**, in the order in which the tests can use it. :meth:`Backend.create_container`,
    ``head_container`` and ``delete_container``; ``put_object``, ``get_object``, ``head_object`` and
    ``delete_object``; ``list_objects`` and ``list_containers``; then ``copy_object`` if there is a copy on the
    server; the uploads by parts, ``create_upload`` to ``list_parts``; the rest refuse with
    :class:`~aiostorage.errors.UnsupportedError`. Two promises want thought with every provider. *Whole or not
    at all*: where the provider does not publish so, write under a name that no listing shows, and rename.
    *Nothing is left*: what was begun is undone when it fails or is cancelled, and a request whose effect must be
    known first is waited for with :func:`aiostorage.http.run_to_end`.

5.  **Run the contract.** :class:`aiostorage.testing.DriverContract` is every promise as a test. A subclass gives
    it the driver, and a :class:`~aiostorage.testing.Witness`: another way to what the provider holds, which
    arranges and checks it. For the example that is the folder that the server serves::

        class TestWebDAV(DriverContract):
            refused_keys = {r"[\x00-\x1f\x7f]": "control characters are in no URL"}
            deviations = {Deviation.NO_NESTED_KEYS: "keys are the paths of files"}

            @pytest.fixture
            async def driver(self):
                async with webdav_driver("http://localhost:8080") as driver:
                    yield driver

            @pytest.fixture
            def witness(self):
                return FolderWitness("/srv/dav")

    ``pytest`` runs it, with the plugin of ``anyio`` that comes with it. What is False in the capabilities must be
    refused, what is True must work; what the provider does otherwise is declared as a
    :class:`~aiostorage.testing.Deviation` with a reason, and one that is not needed (any more) fails.
    ``tests/examples/test_webdav.py`` is the whole of it.

6.  **Hand it out**: ``Driver(WebDAVBackend(url))`` has all that a driver of this package has. Parts, pages,
    ranges, readers, writers, retries of broken bodies, concurrency and cancellation are done, once, above the
    backend.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from aiostorage.models import PLAIN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from typing import TypeAlias

    from aiostorage.models import (
        Buffer,
        ByteRange,
        Capabilities,
        CDNPolicy,
        ContainerInfo,
        ContainerOptions,
        DeleteOutcome,
        ListQuery,
        ObjectInfo,
        ObjectRef,
        Page,
        Part,
        PostPolicy,
        Prefix,
        PresignedPost,
        PresignedRequest,
        PresignOptions,
        ReadOptions,
        Retention,
        SignedCookies,
        Upload,
        WriteOptions,
    )

    OnSent: TypeAlias = Callable[[int], None]


class ObjectBody(Protocol):
    """The content of an object, or a range of it, on its way to us.

    Whoever gets one calls :meth:`aclose`, read to the end or not; leaving early drops the
    connection rather than draining it.
    """

    @property
    def info(self) -> ObjectInfo:
        """The object that these bytes belong to; ``size`` is that of the whole object."""
        ...

    @property
    def start(self) -> int:
        """Where in the object the first byte lies. A server may ignore a range and begin at 0."""
        ...

    @property
    def stop(self) -> int | None:
        """Where in the object the body ends, or None where the server does not say."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Chunks as they arrive. A body that ends early raises ``StorageConnectionError``."""
        ...

    async def read(self) -> bytes:
        """All that is left."""
        ...

    async def aclose(self) -> None:
        """Give up the connection or file. Closing twice is fine."""
        ...


class CDN(Protocol):
    """Content delivery for the objects of one container. What it has not, it refuses with ``UnsupportedError``."""

    def url(self, key: str) -> str:
        """The public URL of an object. Pure: no request is made."""
        ...

    async def signed_url(self, key: str, policy: CDNPolicy) -> PresignedRequest:
        """A ``GET`` request on an object that works for whoever holds it, for a while.

        With a ``prefix`` its query opens all objects that begin with it; ``key`` is one of them.
        """
        ...

    async def signed_cookies(self, key: str | None, policy: CDNPolicy) -> SignedCookies:
        """Cookies that open one object, or (then ``key`` is None) all that begin with the policy's ``prefix``."""
        ...

    async def purge(self, keys: Sequence[str], *, prefixes: Sequence[str]) -> None:
        """Have the edges drop their copies of objects, and of all that begin with one of the prefixes.

        It returns when the CDN has accepted that; the edges follow within minutes.
        """
        ...


class Administration(Protocol):
    """What a provider can do besides storing content: each a request of its own.

    What is False in ``capabilities`` is not asked for, so a method for it may raise ``UnsupportedError``.
    """

    async def update_object(self, ref: ObjectRef, options: WriteOptions) -> ObjectInfo:
        """Change the headers, the metadata and the storage class of an object to these, all of them, in place."""
        ...

    async def get_tags(self, ref: ObjectRef) -> Mapping[str, str]:
        """The tags of an object."""
        ...

    async def set_tags(self, ref: ObjectRef, tags: Mapping[str, str]) -> None:
        """Replace the tags of an object; none removes them."""
        ...

    async def set_acl(self, ref: ObjectRef, acl: str) -> None:
        """Replace who may do what with an object, by the provider's word for it."""
        ...

    async def set_retention(
        self, ref: ObjectRef, retention: Retention | None, *, bypass_retention: bool = False
    ) -> None:
        """Set until when an object is kept; None lifts it."""
        ...

    async def set_legal_hold(self, ref: ObjectRef, *, is_held: bool) -> None:
        """Hold an object, or let it go."""
        ...

    async def restore_object(self, ref: ObjectRef, *, days: int | None, tier: str | None) -> None:
        """Begin to make an archived object readable, for some days where the provider counts them."""
        ...

    async def get_setting(self, container: str, name: str) -> str | None:
        """A document of a container, as text in the provider's form; None where it has none."""
        ...

    async def set_setting(self, container: str, name: str, document: str) -> None:
        """Replace a document of a container."""
        ...

    async def delete_setting(self, container: str, name: str) -> None:
        """Remove a document of a container. That there is none is no error."""
        ...

    async def get_versioning(self, container: str) -> bool:
        """Whether a container keeps what is written over or deleted."""
        ...

    async def set_versioning(self, container: str, *, is_kept: bool) -> None:
        """Make a container keep what is written over or deleted, or keep no more of it."""
        ...

    async def get_container_tags(self, container: str) -> Mapping[str, str]:
        """The tags (GCS: labels) of a container."""
        ...

    async def set_container_tags(self, container: str, tags: Mapping[str, str]) -> None:
        """Replace the tags (GCS: labels) of a container; none removes them."""
        ...


class Backend(Protocol):
    """A storage provider, seen as requests."""

    @property
    def name(self) -> str:
        """Name of the provider, such as ``"s3"``; it is in every error."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What this provider, at this endpoint, can do."""
        ...

    def check_name(self, container: str, key: str | None = None) -> None:
        """Refuse what the provider cannot hold. Pure: no request is made.

        Raises:
            InvalidNameError: The container or the key cannot exist there.
        """
        ...

    # Containers

    async def create_container(self, container: str, options: ContainerOptions = PLAIN) -> ContainerInfo:
        """Make a container.

        Raises:
            AlreadyExistsError: The name is taken, by us or by others.
        """
        ...

    async def head_container(self, container: str) -> ContainerInfo:
        """What is known of a container.

        Raises:
            ContainerNotFoundError: There is none of this name.
        """
        ...

    async def delete_container(self, container: str) -> None:
        """Remove an empty container.

        Raises:
            ContainerNotEmptyError: Something is in it.
            ContainerNotFoundError: There is none of this name.
        """
        ...

    async def list_containers(self, *, prefix: str, token: str | None) -> Page[ContainerInfo]:
        """One page of the containers whose names begin with ``prefix``."""
        ...

    # Objects

    async def put_object(
        self, container: str, key: str, body: Buffer, options: WriteOptions, *, on_sent: OnSent | None = None
    ) -> ObjectInfo:
        """Store an object in one request, checked by the provider or by us, and say what is there."""
        ...

    async def get_object(self, container: str, key: str, options: ReadOptions) -> ObjectBody:
        """Open an object for reading.

        Raises:
            ObjectNotFoundError: There is no such object.
            RangeNotSatisfiableError: It has no byte in the range.
            PreconditionFailedError: ``if_match`` names another version.
            NotModifiedError: ``if_none_match`` names this version.
        """
        ...

    async def head_object(self, container: str, key: str, options: ReadOptions) -> ObjectInfo:
        """What is known of an object; ``byte_range`` is not looked at."""
        ...

    async def delete_object(
        self,
        container: str,
        key: str,
        *,
        version_id: str | None = None,
        if_match: str | None = None,
        bypass_retention: bool = False,
    ) -> None:
        """Remove an object. That there is none is no error: some providers cannot tell.

        Raises:
            PreconditionFailedError: ``if_match`` names another version than is there.
        """
        ...

    async def delete_objects(
        self, container: str, refs: Sequence[ObjectRef], *, bypass_retention: bool = False
    ) -> Sequence[DeleteOutcome]:
        """Remove at most ``limits.max_delete_batch`` objects; one outcome for each, in order."""
        ...

    async def copy_object(
        self, source: ObjectRef, container: str, key: str, options: WriteOptions | None
    ) -> ObjectInfo:
        """Copy within the provider, at most ``limits.max_copy_size_bytes``.

        ``options`` of None keeps the headers and metadata of the source.
        """
        ...

    async def list_objects(self, container: str, query: ListQuery, *, token: str | None) -> Page[ObjectInfo | Prefix]:
        """One page of objects, in UTF-8 byte order of their keys."""
        ...

    # Uploads by parts

    async def create_upload(self, container: str, key: str, options: WriteOptions) -> Upload:
        """Begin an upload by parts. Nothing is visible before it is completed."""
        ...

    async def upload_part(
        self, upload: Upload, number: int, offset: int, body: Buffer, *, on_sent: OnSent | None = None
    ) -> Part:
        """Store a part. ``number`` counts from 1; ``offset`` is where the part begins in the object.

        Parts arrive concurrently and in any order. A part of a number sent before replaces it.
        """
        ...

    async def copy_part(self, upload: Upload, number: int, source: ObjectRef, byte_range: ByteRange) -> Part:
        """Store a part that is a range of an object the provider holds already."""
        ...

    async def complete_upload(self, upload: Upload, parts: Sequence[Part], options: WriteOptions) -> ObjectInfo:
        """Publish the parts, in order, as one object. ``options`` are those of ``create_upload``."""
        ...

    async def abort_upload(self, upload: Upload) -> None:
        """Drop an upload and all its parts.

        Raises:
            UploadNotFoundError: There is no such upload (any more).
        """
        ...

    async def list_uploads(self, container: str, *, prefix: str, token: str | None) -> Page[Upload]:
        """One page of the uploads that are neither completed nor aborted."""
        ...

    async def list_parts(self, upload: Upload, *, token: str | None) -> Page[Part]:
        """One page of the parts that the provider holds for an upload.

        Raises:
            UploadNotFoundError: There is no such upload (any more).
        """
        ...

    # The rest

    async def presign(self, method: str, container: str, key: str, options: PresignOptions) -> PresignedRequest:
        """Sign a request for somebody else to send. Nothing is sent, but perhaps to get a credential."""
        ...

    async def presign_post(self, container: str, key: str, policy: PostPolicy) -> PresignedPost:
        """Sign a form for a browser to post. Nothing is sent, but perhaps to get a credential."""
        ...

    def administration(self) -> Administration:
        """What lies beside the content of objects.

        Raises:
            UnsupportedError: The provider has nothing of it.
        """
        ...

    def cdn(self, container: str) -> CDN:
        """Content delivery for a container.

        Raises:
            UnsupportedError: The provider, or this endpoint of it, has none.
        """
        ...

    async def aclose(self) -> None:
        """Give up connections and files. Closing twice is fine."""
        ...
