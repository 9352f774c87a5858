"""What an interpreter of its own shows: how it starts, what stands in its way, and how it ends."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

PRELUDE = """
import asyncio, gc, os, sys, threading, warnings
from contextlib import suppress
sys.path.insert(0, os.environ["ROOT"])
from tests.scripted import Answer, ScriptedServer
import aiostorage

DONE = []

def answer(seen):
    DONE.append(f"{seen.method} {seen.target}")
    if seen.method == "POST" and "uploads" in seen.target:
        body = b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
        return Answer(body=body)
    return Answer(headers={"ETag": '"0123456789abcdef0123456789abcdef"'}, body=b"" if seen.method == "PUT" else b"x")

def s3(server, **options):
    return aiostorage.S3Driver(endpoint=server.url, region="r", access_key_id="k", secret_access_key="s", **options)
"""


def run(program: str, *flags: str) -> subprocess.CompletedProcess[str]:
    """Run a program after the prelude; it has half a minute."""
    root = str(__import__("pathlib").Path(__file__).parents[2])
    return subprocess.run(
        [sys.executable, *flags, "-c", PRELUDE + textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=30,
        env={"ROOT": root, "PATH": "", "AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nonexistent"},
        check=False,
    )


@pytest.mark.parametrize("how", ["dropped", "kept", "loop gone"])
def test_a_writer_that_was_forgotten_publishes_nothing_and_keeps_no_interpreter(how: str) -> None:
    """It holds two parts in memory and one on the way; the garbage collector, or the end, finds it."""
    ended = run(f"""
    HOW = {how!r}
    kept = []

    async def main():
        async with ScriptedServer(answer=answer) as server:
            driver = s3(server, part_size_bytes=5 << 20)
            writer = driver.container("bucket").open_writer("key")
            await writer.__aenter__()
            await writer.write(bytes(11 << 20))
            while any("PartsUpload" in repr(task) for task in asyncio.all_tasks()):  # until the parts have arrived
                await asyncio.sleep(0.01)
            kept.append(writer)
            if HOW == "dropped":
                del writer
                kept.clear()
                gc.collect()
                await asyncio.sleep(0.1)
            await driver.aclose()

    asyncio.run(main())
    published = [line for line in DONE if line.startswith("POST") and "uploadId" in line]
    assert any("partNumber=1" in line for line in DONE), DONE
    assert not published, published
    assert not [line for line in DONE if line == "PUT /bucket/key"], DONE
    ours = threading.main_thread()
    others = [thread.name for thread in threading.enumerate() if not thread.daemon and thread is not ours]
    assert not others, others
    if HOW == "loop gone":
        kept.clear()
        gc.collect()
    print("the end")
    """)
    assert (ended.returncode, ended.stdout.strip()) == (0, "the end"), ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("closing", ["with", "aclose twice", "gather"])
def test_a_driver_that_was_closed_leaves_no_word_at_the_end(closing: str) -> None:
    """With all warnings on, and the loop in debug mode: no unclosed session, no closed loop, no pending task."""
    ended = run(
        f"""
    HOW = {closing!r}

    async def main():
        asyncio.get_running_loop().slow_callback_duration = 60  # the machine may be slow
        async with ScriptedServer(answer=answer) as server:
            if HOW == "with":
                async with s3(server) as driver:
                    assert await driver.container("bucket").object("k").read() == b"x"
            else:
                driver = s3(server)
                assert await driver.container("bucket").object("k").read() == b"x"
                if HOW == "gather":
                    await asyncio.gather(driver.aclose(), driver.aclose())
                await driver.aclose()
                await driver.aclose()
            with suppress(aiostorage.ClosedError):
                await driver.container("bucket").object("k").read()
                raise SystemExit("it goes on after it was closed")

    asyncio.run(main(), debug=True)
    asyncio.run(main(), debug=True)
    """,
        "-X",
        "dev",
        "-W",
        "always",
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_driver_that_was_not_closed_says_where_it_was_made_and_no_more() -> None:
    ended = run(
        """
    async def main():
        async with ScriptedServer(answer=answer) as server:
            driver = s3(server)
            assert await driver.container("bucket").object("k").read() == b"x"

    asyncio.run(main())
    gc.collect()
    print("the end")
    """,
        "-W",
        "always::ResourceWarning",
    )
    assert (ended.returncode, ended.stdout.strip()) == (0, "the end")
    assert "ResourceWarning: a driver for 's3', made at <string>:" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "Event loop is closed" not in ended.stderr


@pytest.mark.parametrize(
    "make",
    [
        "s3(server)",
        "aiostorage.GCSDriver(endpoint=server.url, project='p', anonymous=True)",
        "aiostorage.AzureDriver(endpoint=server.url + '/account', account_key='a2V5')",
        "aiostorage.SwiftDriver(token='t', storage_url=server.url + '/v1/AUTH_a')",
        "aiostorage.connect('s3://?endpoint=' + server.url)",
    ],
    ids=["s3", "gcs", "azure", "swift", "connect"],
)
def test_nothing_is_read_on_the_loops_thread(make: str) -> None:
    """No model, no certificate, no settings, no module of a third party: each takes longer than 10 ms now and then.

    A stall that is measured depends on the machine; what causes one does not. So files that are opened,
    modules that are imported and TLS contexts that are made while the loop runs are counted.
    """
    ended = run(f"""
    os.environ |= {{"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "r"}}
    import ssl, aiostorage.drivers, aiostorage.connect
    found, watching = [], False

    def hook(event, args):
        if not watching or threading.get_ident() != main_thread:
            return
        if event == "open" and isinstance(args[0], (str, bytes, os.PathLike)):
            found.append(f"open {{args[0]}}")
        elif event == "import" and not args[0].startswith("aiostorage") and args[0] not in sys.stdlib_module_names:
            found.append(f"import {{args[0]}}")
        elif event in {{"subprocess.Popen", "os.listdir", "os.scandir", "time.sleep"}}:
            found.append(event)

    make_context = ssl.create_default_context

    def watched(*args, **kwargs):
        if watching and threading.get_ident() == main_thread:
            found.append("a TLS context")
        return make_context(*args, **kwargs)

    ssl.create_default_context = watched
    main_thread = threading.get_ident()
    sys.addaudithook(hook)

    async def main():
        global watching
        async with ScriptedServer(answer=answer) as server:
            watching = True
            async with {make} as driver:
                with suppress(aiostorage.StorageError):
                    await driver.container("bucket").object("k").read()
            watching = False
            assert DONE

    asyncio.run(main())
    own = [line for line in found if ".pyc" not in line and not (line.startswith("open") and line.endswith(".py"))]
    print(own)
    """)
    assert (ended.returncode, ended.stdout.strip()) == (0, "[]"), ended.stderr
