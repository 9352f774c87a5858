"""A misspelt option is never ignored."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest

from aiostorage import AzureDriver, Container, LocalDriver, MemoryDriver, Object, S3Driver, Upload
from aiostorage._http.client import HTTPClient
from aiostorage.administration import AdministrativeOperations
from aiostorage.driver import Driver
from aiostorage.options import DownloadOptions, UploadOptions
from aiostorage.uploads import UploadOperations

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio

MADE: dict[str, Callable[..., object]] = {
    "MemoryDriver": MemoryDriver,
    "LocalDriver": lambda **options: LocalDriver("data", **options),
    "S3Driver": S3Driver,
    "AzureDriver": lambda **options: AzureDriver(account_name="account", **options),
}
CALLED: dict[str, Callable[..., Any]] = {
    "Driver.create_container": lambda obj, **options: obj.driver.create_container("other", **options),
    "Driver.presign_post": lambda obj, **options: obj.driver.presign_post(obj, **options),
    "AdministrativeOperations.update_object": lambda obj, **options: obj.driver.update_object(obj, **options),
    "UploadOperations.create_upload": lambda obj, **options: obj.driver.create_upload(obj.container, "x", **options),
    "UploadOperations.complete_upload": lambda obj, **options: obj.driver.complete_upload(
        Upload(container="bucket", key="x", upload_id="1"), [], **options
    ),
    "Driver.head_object": lambda obj, **options: obj.driver.head_object(obj, **options),
    "Driver.upload_object": lambda obj, **options: obj.driver.upload_object(b"", obj.container, "x", **options),
    "Driver.open_writer": lambda obj, **options: obj.driver.open_writer(obj.container, "x", **options),
    "Driver.download_object": lambda obj, **options: obj.driver.download_object(obj, "x", **options),
    "Driver.open_object": lambda obj, **options: obj.driver.open_object(obj, **options),
    "Driver.read_object": lambda obj, **options: obj.driver.read_object(obj, **options),
    "Driver.copy": lambda obj, **options: obj.driver.copy(obj, obj.container, "x", **options),
    "Container.create_upload": lambda obj, **options: obj.container.create_upload("x", **options),
    "Container.upload_object": lambda obj, **options: obj.container.upload_object(b"", "x", **options),
    "Container.open_writer": lambda obj, **options: obj.container.open_writer("x", **options),
    "Container.download_object": lambda obj, **options: obj.container.download_object(obj, "x", **options),
    "Container.open_object": lambda obj, **options: obj.container.open_object(obj, **options),
    "Object.update": lambda obj, **options: obj.update(**options),
    "Object.presign_post": lambda obj, **options: obj.presign_post(**options),
    "Object.download": lambda obj, **options: obj.download("x", **options),
    "Object.as_file": lambda obj, **options: obj.as_file(**options),
    "Object.read": lambda obj, **options: obj.read(**options),
    "Object.copy_to": lambda obj, **options: obj.copy_to(obj.container, "x", **options),
}


def takes_options(function: object) -> bool:
    kinds = [one.kind for one in inspect.signature(function).parameters.values()]  # type: ignore[arg-type]
    return inspect.Parameter.VAR_KEYWORD in kinds


@pytest.mark.parametrize("name", MADE)
def test_no_driver_takes_an_option_that_it_does_not_know(name: str) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'nonsense'"):
        MADE[name](nonsense=1)


@pytest.mark.parametrize("name", CALLED)
async def test_no_operation_takes_an_option_that_it_does_not_know(name: str) -> None:
    async with MemoryDriver() as driver:
        container = await driver.create_container("bucket")
        obj = await container.upload_object(b"abc", "k")
        with pytest.raises(TypeError, match="unexpected keyword argument 'nonsense'"):
            result = CALLED[name](obj, nonsense=1)
            await result
        assert [found.name async for found in container.list_objects()] == ["k"]


def test_all_operations_that_take_options_are_tried() -> None:
    called = {
        f"{kind.__name__}.{name}"
        for kind in (Driver, AdministrativeOperations, UploadOperations, Container, Object)
        for name, value in vars(kind).items()
        if not name.startswith("_") and inspect.isfunction(value) and takes_options(value)
    }
    assert called == CALLED.keys()


def test_a_provider_hands_what_it_does_not_know_to_the_http_client() -> None:
    options: dict[str, Any] = {"nonsense": 1}
    with pytest.raises(TypeError, match="'nonsense'"):
        HTTPClient[Any](provider="x", sign=Any, read_error=Any, credentials=None, **options)  # type: ignore[arg-type]


def test_options_that_are_inherited_are_known() -> None:
    assert {"part_size_bytes", "metadata", "progress"} <= UploadOptions.__optional_keys__
    assert {"part_size_bytes", "if_match", "fsync"} <= DownloadOptions.__optional_keys__
