"""A file service on aiohttp: streams go in and out, whatever their size, in a bounded amount of memory.

    AIOSTORAGE_URL=file:data python examples/aiohttp_app.py

    curl -T cat.jpg localhost:8000/files/2026/cat.jpg              # the body is the file
    curl -r 0-99 -O localhost:8000/files/2026/cat.jpg              # ranges, etags, 304 and so on
    curl 'localhost:8000/files?prefix=2026/'
    curl -X DELETE localhost:8000/files/2026/cat.jpg

The driver is made once, for the lifetime of the service: it owns the connections to the storage. To
make one for each request is the classic mistake.
"""

from __future__ import annotations

import os
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

from aiohttp import web

import aiostorage
from aiostorage.integrations.aiohttp import send_object
from aiostorage.integrations.http import answer_error, upload_options

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp.typedefs import Handler

FILES = web.AppKey("FILES", aiostorage.Container)
routes = web.RouteTableDef()


async def open_storage(app: web.Application) -> AsyncIterator[None]:
    driver = aiostorage.connect(os.environ.get("AIOSTORAGE_URL", "file:data"))
    try:
        with suppress(aiostorage.AlreadyExistsError):
            await driver.create_container("files")
        app[FILES] = driver.container("files")
        yield
    finally:
        await driver.aclose()


@routes.get("/files")
async def list_files(request: web.Request) -> web.Response:
    query = request.query
    shown = []
    found = request.app[FILES].list_objects(prefix=query.get("prefix", ""), start_after=query.get("after", ""))
    async with aclosing(found) as objects:
        async for obj in objects:
            shown.append(describe(obj))
            if len(shown) == 1000:
                break
    return web.json_response(shown)  # the next page begins after the last name


@routes.get("/files/{name:.+}")  # HEAD comes with it
async def send_file(request: web.Request) -> web.StreamResponse:
    return await send_object(request, request.app[FILES].object(request.match_info["name"]))


@routes.put("/files/{name:.+}")
async def store_body(request: web.Request) -> web.Response:
    options = upload_options(request.headers.items())
    stored = await request.app[FILES].upload_object(request.content, request.match_info["name"], **options)
    return web.json_response(describe(stored), status=201)


@routes.delete("/files/{name:.+}")
async def delete_file(request: web.Request) -> web.Response:
    await request.app[FILES].delete_object(request.match_info["name"])
    return web.Response(status=204)


@web.middleware
async def tell_of_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except aiostorage.StorageError as error:
        answer = answer_error(error)
        return web.json_response({"error": error.message}, status=answer.status, headers=answer.headers)
    except ConnectionResetError:
        return web.Response(status=400)  # the client left its upload, which was aborted; nobody reads this


def describe(obj: aiostorage.Object) -> dict[str, str | int | None]:
    modified = obj.last_modified.isoformat() if obj.last_modified else None
    return {"name": obj.name, "size": obj.size, "etag": obj.etag, "modified": modified}


def make_app() -> web.Application:
    app = web.Application(middlewares=[tell_of_errors])
    app.cleanup_ctx.append(open_storage)
    app.add_routes(routes)
    return app


if __name__ == "__main__":
    # Bodies are stored as they are sent, compressed or not.
    web.run_app(make_app(), host="127.0.0.1", port=int(os.environ.get("PORT", "8000")), auto_decompress=False)
