"""Links: requests that others may send, and content delivery."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from aiostorage.errors import InvalidArgumentError, UnsupportedError
from aiostorage.testing._themes.base import ContractBase, Deviation, verifies
from aiostorage.testing._themes.outsider import changed_requests, send
from aiostorage.testing._themes.watch import at_once

if TYPE_CHECKING:
    from aiostorage.container import Container
    from aiostorage.driver import Driver
    from aiostorage.testing.witness import Witness

KEY = "a b/é+%41&=?#.txt"


class Links(ContractBase):
    """Links: requests that others may send, and content delivery."""

    @verifies("links: GET", "links: PUT", "links: HEAD", "links: DELETE")
    async def test_where_requests_cannot_be_signed(self, driver: Driver, container: Container) -> None:
        """That is said at once."""
        if not self.offers(driver, "presign"):
            for method in ("GET", "PUT"):
                with pytest.raises(UnsupportedError):
                    at_once(container.object("key").presign(method))

    @verifies("links: GET")
    async def test_a_request_to_read(self, driver: Driver, container: Container, witness: Witness) -> None:
        """Whoever holds it can read this object, and no other."""
        if not self.offers(driver, "presign"):
            return
        await witness.put(container.name, KEY, b"content")
        await witness.put(container.name, "other", b"secret")
        request = await container.object(KEY).presign()
        assert request.method == "GET"
        answer = await send(request)
        assert (answer.status, answer.body) == (200, b"content")
        assert request.url not in repr(request)
        assert request.expires_at - datetime.now(UTC) <= timedelta(hours=1)
        path = urlsplit((await container.object("other").presign()).url).path
        answer = await send(replace(request, url=urlsplit(request.url)._replace(path=path).geturl()))
        if self.deviates(Deviation.UNCHECKED_LINKS):
            assert (answer.status, answer.body) == (200, b"secret")
            return
        assert answer.status >= 400
        assert b"secret" not in answer.body
        assert (await send(replace(request, method="DELETE"))).status >= 400
        assert await witness.get(container.name, KEY) == b"content"

    @verifies("links: PUT")
    async def test_a_request_to_write(self, driver: Driver, container: Container, witness: Witness) -> None:
        """The headers that go with it hold."""
        if not self.offers(driver, "presign"):
            return
        headers = {"Content-Type": "text/x-own"}
        request = await container.object(KEY).presign("PUT", expires_in_s=60, headers=headers)
        assert (await send(request, b"content")).status in {200, 201}
        assert await witness.get(container.name, KEY) == b"content"
        seen = await witness.head(container.name, KEY)
        assert seen is not None
        assert seen.content_type == "text/x-own"

    @verifies("links: HEAD", "links: DELETE")
    async def test_requests_to_look_and_to_delete(self, driver: Driver, container: Container, witness: Witness) -> None:
        """The other methods that there are."""
        if not self.offers(driver, "presign"):
            return
        await witness.put(container.name, KEY, b"content")
        assert (await send(await container.object(KEY).presign("HEAD"))).status == 200
        assert (await send(await container.object(KEY).presign("DELETE"))).status in {200, 202, 204}
        assert await witness.get(container.name, KEY) is None

    @pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
    @verifies("links: refused when changed")
    async def test_a_changed_request(self, driver: Driver, container: Container, witness: Witness, method: str) -> None:
        """One other character in the URL, or in a header if those are signed, and it is good for nothing."""
        if not self.offers(driver, "presign"):
            return
        if method != "PUT":
            await witness.put(container.name, KEY, b"content")
        headers = {"Content-Type": "text/x-own"} if method == "PUT" else {}
        request = await container.object(KEY).presign(method, headers=headers)
        body = b"other" if method == "PUT" else None
        if self.deviates(Deviation.UNCHECKED_LINKS):
            assert [changed for changed in changed_requests(request) if (await send(changed, body)).is_success]
            return
        for changed in changed_requests(request):
            if changed.url == request.url and not self.offers(driver, "presign_headers"):
                continue
            answer = await send(changed, body)
            assert answer.status >= 400, changed.url
            assert answer.body != b"content"
        assert await witness.keys(container.name) == ([] if method == "PUT" else [KEY])
        assert (await send(request, body)).is_success

    @verifies("links: other headers of the answer")
    async def test_other_headers_of_the_answer(self, driver: Driver, container: Container, witness: Witness) -> None:
        """Whatever the object was stored with; or that is refused."""
        if not self.offers(driver, "presign"):
            return
        await witness.put(container.name, KEY, b"content", content_type="text/plain")
        chosen = {"Content-Disposition": 'attachment; filename="a b.txt"', "content-type": "application/x-own"}
        for name, value in chosen.items():
            try:
                request = await container.object(KEY).presign(response_headers={name: value})
            except UnsupportedError:
                continue
            answer = await send(request)
            assert (answer.body, answer.headers[name.lower()]) == (b"content", value)
        with pytest.raises((InvalidArgumentError, UnsupportedError)):
            await container.object(KEY).presign("PUT", response_headers=chosen)

    @verifies("links: of a version")
    async def test_a_request_for_a_version(self, driver: Driver, container: Container, witness: Witness) -> None:
        """It is that version which is read and deleted; or that is refused."""
        if not self.offers(driver, "presign"):
            return
        if not self.offers(driver, "versioning"):
            with pytest.raises(UnsupportedError):
                await container.object("key", version_id="1").presign()
            return
        await witness.keep_versions(container.name)
        first = await container.upload_object(b"first", "key")
        await container.upload_object(b"second", "key")
        old = container.object("key", version_id=first.version_id)
        try:
            request = await old.presign()
        except UnsupportedError:
            return
        assert (await send(request)).body == b"first"
        assert (await send(await container.object("key").presign())).body == b"second"
        assert (await send(await old.presign("DELETE"))).is_success
        assert (await send(request)).status >= 400
        assert await witness.get(container.name, "key") == b"second"

    async def test_what_cannot_be_signed(self, driver: Driver, container: Container) -> None:
        """Is refused before it is handed to somebody."""
        if not self.offers(driver, "presign"):
            return
        with pytest.raises(InvalidArgumentError):
            await container.object("key").presign(expires_in_s=0)
        with pytest.raises(InvalidArgumentError):
            await container.object("key").presign("TRACE")
        with pytest.raises(InvalidArgumentError):
            await container.object("key").presign("PUT", headers={"x-a": "1\r\nx-b: 2"})

    async def test_content_delivery(self, driver: Driver, container: Container) -> None:
        """It is there, or it is refused."""
        if self.offers(driver, "cdn"):
            assert container.cdn.url("a key").startswith("http")
        else:
            with pytest.raises(UnsupportedError):
                _ = container.cdn
