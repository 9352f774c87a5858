"""Browsers: forms that they post, and uploads whose parts they send."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from aiostorage.errors import InvalidArgumentError, UnsupportedError
from aiostorage.models import Part
from aiostorage.testing._themes.base import ContractBase, Deviation, verifies
from aiostorage.testing._themes.outsider import changed_forms, changed_requests, post, send
from aiostorage.testing._themes.watch import at_once

if TYPE_CHECKING:
    from aiostorage.container import Container
    from aiostorage.driver import Driver
    from aiostorage.models import Upload
    from aiostorage.testing.witness import Witness

KEY = "a b/é+%41&=?#\U0001f600.txt"


class Browsers(ContractBase):
    """Browsers: forms that they post, and uploads whose parts they send."""

    @verifies("links: POST form")
    async def test_where_forms_cannot_be_signed(self, driver: Driver, container: Container) -> None:
        """That is said at once."""
        if not self.offers(driver, "presign_post"):
            with pytest.raises(UnsupportedError):
                at_once(container.object("key").presign_post())

    @verifies("links: POST form")
    async def test_a_form(self, driver: Driver, container: Container, witness: Witness) -> None:
        """Whoever has it can store one file under this name, as the form says."""
        if not self.offers(driver, "presign_post"):
            return
        form = await container.object(KEY).presign_post(fields={"Content-Type": "text/x-own"}, size_range=(1, 10))
        assert form.expires_at - datetime.now(UTC) <= timedelta(hours=1)
        assert all(secret not in repr(form) for name, secret in form.fields.items() if "signature" in name)
        assert (await post(form, b"content")).is_success
        assert await witness.get(container.name, KEY) == b"content"
        seen = await witness.head(container.name, KEY)
        assert seen is not None
        assert seen.content_type == "text/x-own"

    async def test_a_form_with_choices(self, driver: Driver, container: Container, witness: Witness) -> None:
        """The name of the user's file, and fields that begin as they must."""
        if not self.offers(driver, "presign_post"):
            return
        form = await container.object("of/anna/${filename}").presign_post(prefixes={"Content-Type": "image/"})
        refused = replace(form, fields={**form.fields, "Content-Type": "text/html"})
        elsewhere = replace(form, fields={**form.fields, "Content-Type": "image/x-own", "key": "of/berta/${filename}"})
        answers = [await post(wrong, b"<script>", file_name="cat.jpg") for wrong in (refused, elsewhere)]
        if self.deviates(Deviation.UNCHECKED_LINKS):
            assert [answer for answer in answers if answer.is_success]
        else:
            assert all(answer.status >= 400 for answer in answers)
            assert await witness.keys(container.name) == []
        chosen = replace(form, fields={**form.fields, "Content-Type": "image/x-own"})
        assert (await post(chosen, b"content", file_name="cat.jpg")).is_success
        assert await witness.get(container.name, "of/anna/cat.jpg") == b"content"
        seen = await witness.head(container.name, "of/anna/cat.jpg")
        assert seen is not None
        assert seen.content_type == "image/x-own"

    @verifies("links: POST form")
    async def test_a_changed_form(self, driver: Driver, container: Container, witness: Witness) -> None:
        """One other character in any field, a field less or a field more, and it is good for nothing."""
        if not self.offers(driver, "presign_post"):
            return
        form = await container.object("key").presign_post(fields={"Content-Type": "text/x-own"}, size_range=(2, 10))
        if self.deviates(Deviation.UNCHECKED_LINKS):
            assert [changed for changed in changed_forms(form) if (await post(changed, b"content")).is_success]
            return
        for changed in changed_forms(form):
            assert (await post(changed, b"content")).status >= 400, changed.fields
        for size in (0, 1, 11):
            assert (await post(form, bytes(size))).status >= 400, size
        assert await witness.keys(container.name) == []
        for size in (2, 10):
            assert (await post(form, bytes(size))).is_success, size

    async def test_forms_that_cannot_be_signed(self, driver: Driver, container: Container) -> None:
        """Are refused before they are handed to somebody."""
        if not self.offers(driver, "presign_post"):
            return
        with pytest.raises(InvalidArgumentError):
            await container.object("key").presign_post(expires_in_s=0)
        with pytest.raises(InvalidArgumentError):
            await container.object("key").presign_post(size_range=(2, 1))
        with pytest.raises(InvalidArgumentError):
            await container.object("key").presign_post(fields={"Content-Type": "a/b"}, prefixes={"content-type": "a"})

    @verifies("links: parts of an upload")
    async def test_where_parts_cannot_be_signed(self, driver: Driver, upload: Upload | None) -> None:
        """That is said at once."""
        if upload is not None and not self.offers(driver, "presign_part"):
            with pytest.raises(UnsupportedError):
                at_once(driver.presign_part(upload, 1))

    @pytest.mark.parametrize("told_by", ["browser", "provider"])
    @verifies("links: parts of an upload")
    async def test_a_session(
        self, driver: Driver, upload: Upload | None, witness: Witness, part_size: int, told_by: str
    ) -> None:
        """A browser sends the parts, in any order; we complete them, by what it has noted or by what is there."""
        if upload is None or not self.offers(driver, "presign_part"):
            return
        pieces = [b"a" * part_size, b"b" * part_size, b"end"]
        parts: list[Part] = []
        for number in (3, 1, 2):
            request = await driver.presign_part(upload, number)
            answer = await send(request, pieces[number - 1])
            assert answer.is_success
            etag = answer.headers.get("etag", "").strip('"')  # not every provider wants it back
            parts.append(Part(number=number, offset=part_size * (number - 1), size=len(pieces[number - 1]), etag=etag))
        if told_by == "provider":
            parts = [part async for part in driver.list_parts(upload)]
            assert [(part.number, part.size) for part in parts] == [(1, part_size), (2, part_size), (3, 3)]
        obj = await driver.complete_upload(upload, parts)
        assert obj.size == 2 * part_size + 3
        assert await witness.get(upload.container, upload.key) == b"".join(pieces)
        assert await witness.open_uploads(upload.container) == []

    async def test_a_changed_part(self, driver: Driver, upload: Upload | None) -> None:
        """One other character in the URL, and it is good for nothing."""
        if upload is None or not self.offers(driver, "presign_part"):
            return
        request = await driver.presign_part(upload, 1)
        if self.deviates(Deviation.UNCHECKED_LINKS) or self.deviates(Deviation.UNSIGNED_PARTS):
            assert [changed for changed in changed_requests(request) if (await send(changed, b"x")).is_success]
            return
        for changed in changed_requests(request):
            assert (await send(changed, b"x")).status >= 400, changed.url
        assert [part async for part in driver.list_parts(upload)] == []
        assert (await send(request, b"x")).is_success
        assert [part.number async for part in driver.list_parts(upload)] == [1]

    @pytest.fixture
    async def upload(self, driver: Driver, container: Container) -> Upload | None:
        """An upload that has begun; the container's end is its own. None where parts cannot be signed."""
        return await container.create_upload(KEY.replace("/", " ")) if self.offers(driver, "presign_part") else None
