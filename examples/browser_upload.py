"""Browsers send files to the storage itself: this service only signs, and no byte of a file passes through it.

    AIOSTORAGE_URL='s3://?region=eu-west-1' python examples/browser_upload.py     # then open http://localhost:8000

A small file goes with a form, which works without a script. A large one goes in parts: the page asks for
the URL of each, sends them, and says when all are there. Which upload a URL is for is decided here, and
never by the page.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from html import escape
from typing import Annotated

import uvicorn
from fastapi import Body, FastAPI, HTTPException
from fastapi.responses import HTMLResponse

import aiostorage

ORIGIN = os.environ.get("ORIGIN", "http://localhost:8000")
# Who may send files from a page: browsers ask the storage for this.
CORS = f"""<CORSConfiguration><CORSRule><AllowedOrigin>{ORIGIN}</AllowedOrigin><AllowedMethod>PUT</AllowedMethod>
<AllowedMethod>POST</AllowedMethod><AllowedHeader>*</AllowedHeader></CORSRule></CORSConfiguration>"""
SMALL = 10 * 1024**2
PAGE = """<!doctype html><meta charset="utf-8"><title>Upload</title>
<form action="{url}" method="post" enctype="multipart/form-data">{fields}
  <label>Small: <input type="file" name="file"></label> <button>Send</button></form>
<label>Large: <input type="file" id="large"></label>
<script>
const ask = (path, data) => fetch(path, {{method: "POST", headers: {{"content-type": "application/json"}},
  body: JSON.stringify(data)}}).then(answer => answer.json());
document.getElementById("large").onchange = async event => {{
  const file = event.target.files[0];
  const upload = await ask("/uploads", {{name: file.name, size: file.size}});
  for (let number = 1, sent = 0; sent < file.size; number++, sent += upload.part_size) {{
    const part = await ask(`/uploads/${{upload.id}}/parts/${{number}}`, {{}});
    await fetch(part.url, {{method: "PUT", headers: part.headers, body: file.slice(sent, sent + upload.part_size)}});
  }}
  alert(JSON.stringify(await ask(`/uploads/${{upload.id}}/done`, {{}})));
}};
</script>"""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with aiostorage.connect(os.environ["AIOSTORAGE_URL"]) as driver:
        with suppress(aiostorage.AlreadyExistsError):
            await driver.create_container("incoming")
        files = app.state.files = driver.container("incoming")
        if "cors" in driver.capabilities.settings:
            await files.set_setting("cors", CORS)
        yield
        for upload, _ in uploads.values():
            await driver.abort_upload(upload)


app = FastAPI(title="Uploads", lifespan=lifespan)
uploads: dict[str, tuple[aiostorage.Upload, int]] = {}  # several processes would share them elsewhere


def the_files() -> aiostorage.Container:
    files: aiostorage.Container = app.state.files
    return files


@app.get("/")
async def page() -> HTMLResponse:
    form = await the_files().object("small/${filename}").presign_post(size_range=(1, SMALL), expires_in_s=600)
    fields = "".join(f'<input type="hidden" name="{escape(n)}" value="{escape(v)}">' for n, v in form.fields.items())
    return HTMLResponse(PAGE.format(url=escape(form.url), fields=fields))


@app.post("/uploads")
async def begin(name: Annotated[str, Body()], size: Annotated[int, Body(gt=0)]) -> dict[str, str | int]:
    limits = the_files().driver.capabilities.limits
    part_size = max(limits.min_part_size_bytes, -(-size // limits.max_parts))
    upload = await the_files().create_upload(f"large/{name}")
    uploads[upload.upload_id] = (upload, size)
    return {"id": upload.upload_id, "part_size": part_size}


@app.post("/uploads/{upload_id}/parts/{number}")
async def sign_part(upload_id: str, number: int) -> dict[str, str | dict[str, str]]:
    upload, _ = known(upload_id)
    request = await the_files().driver.presign_part(upload, number, expires_in_s=600)
    return {"url": request.url, "headers": dict(request.headers)}


@app.post("/uploads/{upload_id}/done")
async def finish(upload_id: str) -> dict[str, str | int | None]:
    upload, size = known(upload_id)
    driver = the_files().driver
    parts = [part async for part in driver.list_parts(upload)]  # the storage knows best what has arrived
    if sum(part.size for part in parts) != size:
        raise HTTPException(409, "not all of it has arrived")
    stored = await driver.complete_upload(upload, parts)
    del uploads[upload_id]
    return {"name": stored.name, "size": stored.size}


def known(upload_id: str) -> tuple[aiostorage.Upload, int]:
    if upload_id not in uploads:
        raise HTTPException(404, "there is no such upload")
    return uploads[upload_id]


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")))
