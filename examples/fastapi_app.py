"""A file service on FastAPI: streams go in and out, whatever their size, in a bounded amount of memory.

    AIOSTORAGE_URL=file:data python examples/fastapi_app.py        # or: uvicorn examples.fastapi_app:app

    curl -T cat.jpg localhost:8000/files/2026/cat.jpg              # the body is the file
    curl -F file=@cat.jpg localhost:8000/files                     # a form, as browsers send it
    curl -r 0-99 -O localhost:8000/files/2026/cat.jpg              # ranges, etags, 304 and so on
    curl 'localhost:8000/files?prefix=2026/'
    curl -X DELETE localhost:8000/files/2026/cat.jpg

The driver is made once, for the lifetime of the service: it owns the connections to the storage. To
make one for each request is the classic mistake: every request then pays for new connections, and a
response may be cut off because its driver was closed before the body was sent.
"""

import os
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, Query, Request, Response, UploadFile
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

import aiostorage
from aiostorage.integrations.http import answer_error, upload_options
from aiostorage.integrations.starlette import ObjectResponse


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with aiostorage.connect(os.environ.get("AIOSTORAGE_URL", "file:data")) as driver:
        with suppress(aiostorage.AlreadyExistsError):
            await driver.create_container("files")
        app.state.files = driver.container("files")
        yield


def the_files(request: Request) -> aiostorage.Container:
    files: aiostorage.Container = request.app.state.files
    return files


Files = Annotated[aiostorage.Container, Depends(the_files)]
app = FastAPI(title="Files", lifespan=lifespan)


@app.get("/files")
async def list_files(
    files: Files, prefix: str = "", after: str = "", limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> JSONResponse:
    shown = []
    async with aclosing(files.list_objects(prefix=prefix, start_after=after, page_size=limit)) as objects:
        async for obj in objects:
            shown.append(describe(obj))
            if len(shown) == limit:
                break
    return JSONResponse(shown)  # the next page begins after the last name


@app.get("/files/{name:path}")
@app.head("/files/{name:path}")
async def send_file(name: str, files: Files) -> Response:
    return ObjectResponse(files.object(name))


@app.put("/files/{name:path}")
async def store_body(name: str, request: Request, files: Files) -> JSONResponse:
    stored = await files.upload_object(request.stream(), name, **upload_options(request.headers.items()))
    return JSONResponse(describe(stored), status_code=201)


@app.post("/files")
async def store_form(file: UploadFile, files: Files) -> JSONResponse:
    stored = await files.upload_object(file, file.filename or "", content_type=file.content_type)
    return JSONResponse(describe(stored), status_code=201)


@app.delete("/files/{name:path}")
async def delete_file(name: str, files: Files) -> Response:
    await files.delete_object(name)
    return Response(status_code=204)


@app.exception_handler(aiostorage.StorageError)
async def tell_of_error(request: Request, error: aiostorage.StorageError) -> JSONResponse:
    answer = answer_error(error)
    return JSONResponse({"error": error.message}, status_code=answer.status, headers=dict(answer.headers))


@app.exception_handler(ClientDisconnect)
async def tell_nobody(request: Request, error: ClientDisconnect) -> Response:
    return Response(status_code=400)  # the upload was aborted; nobody is there to read this


def describe(obj: aiostorage.Object) -> dict[str, str | int | None]:
    modified = obj.last_modified.isoformat() if obj.last_modified else None
    return {"name": obj.name, "size": obj.size, "etag": obj.etag, "modified": modified}


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")))
