"""Keys: opaque, byte for byte."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from aiostorage.errors import InvalidNameError, StorageError
from aiostorage.testing._themes.base import ContractBase, Deviation
from aiostorage.testing._themes.watch import Watch, at_once

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiostorage.container import Container
    from aiostorage.driver import Driver
    from aiostorage.testing.witness import Witness

KEYS = [
    "plain",
    "with space",
    " leading space",
    "trailing space ",
    "plus+plus",
    "plus plus",
    "a%2Fb",
    "a/b",
    "%41",
    "A",
    "a%b",
    "100%",
    "%=quoted/%+long/%~aside",
    "hash#hash",
    "query?versionId=1",
    "amp&ersand=1&uploads",
    "semi;colon,comma",
    "colon:at@dollar$",
    "tilde~star*bang!",
    "(parentheses)[brackets]{braces}",
    "single'double\"back`tick",
    "less<greater>&amp;",
    "back\\slash|pipe^caret",
    "double//slash",
    "double///slash",
    "./dot",
    "a/./dot",
    "end/.",
    "../dots",
    "a/../dots",
    "end/..",
    "/leading",
    "trailing/",
    "trailing more//",
    "/",
    ".hidden/.aiostorage",
    "control\x01\x7f",
    "nul\0",
    "tab\tnewline\nreturn\r",
    "emoji 😀/👩‍👩‍👧",
    "caf\u00e9",
    "cafe\u0301",
    "\u202eright to left",
    "日本語/ключ/مفتاح",
    "/".join(["x" * 204] * 5),
    "é" * 120 + "/" + "long" * 194 + "/.é",
    "-._~",
    "%E9",
    "a=b/c=d",
]
"""Each is another object than each other one. None is named like a folder of another."""

COMPOSED = ("caf\u00e9", "cafe\u0301")

IMPOSSIBLE = ["", "x" * 1025, "é" * 513, "lone\ud800surrogate"]
"""No provider holds these."""


class Keys(ContractBase):
    """Keys: opaque, byte for byte."""

    async def test_what_the_driver_writes_is_under_its_key(self, container: Container, witness: Witness) -> None:
        """And under no other: whoever else looks finds exactly these."""
        keys = self._possible()
        await asyncio.gather(*[container.upload_object(key.encode(), key) for key in keys])
        assert sorted(await witness.keys(container.name)) == sorted(keys)
        contents = await asyncio.gather(*[witness.get(container.name, key) for key in keys])
        assert {key: found for key, found in zip(keys, contents, strict=True) if found != key.encode()} == {}

    async def test_what_others_write_is_found_under_its_key(self, container: Container, witness: Witness) -> None:
        """Whatever is in the container, the driver lists and reads it by its name."""
        keys = self._possible()
        await asyncio.gather(*[witness.put(container.name, key, key.encode()) for key in keys])
        found = [obj.name async for obj in container.list_objects(page_size=7)]
        assert sorted(found) == sorted(keys)
        contents = await asyncio.gather(*[container.object(key).read() for key in keys])
        assert {key: data for key, data in zip(keys, contents, strict=True) if data != key.encode()} == {}
        heads = await asyncio.gather(*[container.get_object(key) for key in keys])
        assert [(obj.name, obj.size) for obj in heads] == [(key, len(key.encode())) for key in keys]

    async def test_copies_and_deletions_take_keys_as_they_are(
        self, driver: Driver, container: Container, witness: Witness, new_name: Callable[[], str]
    ) -> None:
        """Also where a key goes into a header or a document."""
        keys = self._possible()
        other = driver.container(new_name())
        await witness.make_container(other.name)
        await asyncio.gather(*[witness.put(container.name, key, key.encode()) for key in keys])
        await asyncio.gather(*[container.object(key).copy_to(other) for key in keys])
        contents = await asyncio.gather(*[witness.get(other.name, key) for key in keys])
        assert {key: found for key, found in zip(keys, contents, strict=True) if found != key.encode()} == {}
        outcomes = await container.delete_objects(keys)
        assert [(outcome.key, outcome.error) for outcome in outcomes] == [(key, None) for key in keys]
        assert await witness.keys(container.name) == []
        for key in keys:
            await other.delete_object(key)
        assert await witness.keys(other.name) == []

    async def test_parts_take_keys_as_they_are(self, container: Container, witness: Witness, part_size: int) -> None:
        """An upload by parts names its key in several requests."""
        key = "a b+c%41/é?#&=\"<'/😀"
        await container.upload_object(bytes(part_size + 1), key, part_size_bytes=part_size)
        assert await witness.keys(container.name) == [key]

    async def test_a_key_beside_those_below_it(self, container: Container, witness: Witness) -> None:
        """``a``, ``a/b`` and ``a/`` are three objects, whichever comes first, and each goes alone."""
        for keys in (["a", "a/b", "a/"], ["c/d", "c", "c/"], ["e/", "e/f", "e"]):
            nested = [key for key in keys if not self.refuses_key(key)]
            if self.deviates(Deviation.NO_NESTED_KEYS):
                await container.upload_object(b"first", nested[0])
                with pytest.raises(StorageError):
                    await container.upload_object(b"second", nested[1])
                return
            for key in nested:
                await container.upload_object(key.encode(), key)
            assert sorted(await witness.keys(container.name)) == sorted(nested)
            for key in nested:
                assert await witness.get(container.name, key) == key.encode()
                assert await container.object(key).read() == key.encode()
            assert [obj.name async for obj in container.list_objects()] == sorted(nested)
            for key in nested:
                await container.delete_object(key)
            assert await witness.keys(container.name) == []

    async def test_similar_keys_are_different_objects(self, container: Container, witness: Witness) -> None:
        """Composed or decomposed, encoded or not, upper or lower case: they look alike, and are not."""
        for first, second in [COMPOSED, ("%41", "A"), ("a+b", "a b"), ("Key", "key")]:
            await container.upload_object(b"first", first)
            if (first, second) == COMPOSED and self.deviates(Deviation.COMPOSES_UNICODE):
                assert await container.object(second).read() == b"first"
                continue
            assert await witness.get(container.name, second) is None
            await container.upload_object(b"second", second)
            assert await container.object(first).read() == b"first"
            assert await container.object(second).read() == b"second"

    async def test_what_the_provider_cannot_hold_is_refused_at_once(
        self, driver: Driver, container: Container, witness: Witness
    ) -> None:
        """Exactly the keys that it is declared to refuse, in every call, and without a request."""
        refused = [key for key in KEYS if self.refuses_key(key)]
        for key in [*IMPOSSIBLE, *refused]:
            for call in naming(container, key):
                with pytest.raises(InvalidNameError) as caught:
                    call()
                assert (caught.value.key, caught.value.container) == (key, container.name)
        with Watch(driver) as watch:
            for key in self._possible():
                container.object(key)
        assert watch.made == []
        assert await witness.keys(container.name) == []

    @pytest.mark.parametrize("key", ["lone\ud800surrogate", "two\nlines\x1b[31m" * 80], ids=["surrogate", "control"])
    async def test_a_key_does_not_break_a_message(self, container: Container, key: str) -> None:
        """Errors end up in logs, of one line for each, and in UTF-8."""
        with pytest.raises(InvalidNameError) as caught:
            container.object(key)
        assert caught.value.key == key
        assert str(caught.value).isprintable()

    def _possible(self) -> list[str]:
        """What the provider can hold. Keys that are folders of others have a test of their own."""
        keys = [key for key in KEYS if not self.refuses_key(key)]
        if self.deviates(Deviation.COMPOSES_UNICODE):
            keys.remove(COMPOSED[1])
        assert len(keys) > len(KEYS) // 2
        return keys


def naming(container: Container, key: str) -> list[Callable[[], object]]:
    """The calls that name an object, with this name."""
    return [
        lambda: container.object(key),
        lambda: container.open_object(key),
        lambda: container.open_writer(key),
        lambda: at_once(container.get_object(key)),
        lambda: at_once(container.upload_object(b"content", key)),
        lambda: at_once(container.download_object(key, "nowhere")),
        lambda: at_once(container.delete_object(key)),
        lambda: at_once(container.delete_objects([key])),
        lambda: at_once(container.object("key").copy_to(container, key)),
    ]
