"""What an interpreter of its own shows: how it starts, what stands in its way, and how it ends."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

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
    """Run a program after the prelude; it has two minutes."""
    root = str(Path(__file__).parents[2])
    return subprocess.run(
        [sys.executable, *flags, "-c", PRELUDE + textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=120,
        env={
            "ROOT": root,
            "PATH": "",
            "AWS_EC2_METADATA_DISABLED": "true",
            "HOME": "/nonexistent",
        },
        check=False,
    )


def test_a_writer_that_was_forgotten_publishes_nothing_and_keeps_no_interpreter() -> None:
    """One part is sent, one is in memory: the garbage collector finds one writer, the end of the program the other."""
    ended = run("""
    kept = []

    async def begin(driver):
        writer = driver.container("bucket").open_writer("key")
        await writer.__aenter__()
        await writer.write(bytes(11 << 20))
        while not any("partNumber=1" in line for line in DONE):
            await asyncio.sleep(0.01)
        DONE.clear()
        return writer

    async def main():
        async with ScriptedServer(answer=answer) as server, s3(server, part_size_bytes=5 << 20) as driver:
            writer = await begin(driver)
            del writer
            gc.collect()
            await asyncio.sleep(0.05)
            kept.append(await begin(driver))
            await asyncio.sleep(0.05)

    asyncio.run(main())
    published = [line for line in DONE if line.startswith("POST") and "uploadId" in line or line == "PUT /bucket/key"]
    assert not published, published
    threads = [each for each in threading.enumerate() if not each.daemon and each is not threading.main_thread()]
    assert not threads, threads
    print("the end")
    """)
    assert (ended.returncode, ended.stdout.strip()) == (0, "the end"), ended.stderr
    assert "/aiostorage/" not in ended.stderr  # no traceback of ours


def test_a_pipe_that_says_nothing_keeps_no_interpreter() -> None:
    """Neither one that nobody opens at the other end, nor one that is open there, nor standard input."""
    ended = run("""
    import tempfile
    watchdog = threading.Timer(20, os._exit, [1])
    watchdog.daemon = True
    watchdog.start()

    async def main():
        async with aiostorage.MemoryDriver() as driver:
            container = await driver.create_container("bucket")
            reading, writing = os.pipe()
            os.dup2(reading, 0)
            path = tempfile.mkdtemp() + "/pipe"
            os.mkfifo(path)
            for source in (path, open(reading, "rb"), sys.stdin.buffer):
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await container.upload_object(source, "key")

    asyncio.run(main())
    print("the end")
    """)
    assert (ended.returncode, ended.stdout.strip()) == (0, "the end"), ended.stderr


def test_a_driver_that_was_closed_leaves_no_word_at_the_end() -> None:
    """All warnings are on: no unclosed session, no closed loop, no pending task."""
    ended = run(
        """
    async def main(how):
        async with ScriptedServer(answer=answer) as server:
            driver = s3(server)
            assert await driver.container("bucket").object("k").read() == b"x"
            if how == "with":
                async with driver:
                    pass
            else:
                await asyncio.gather(driver.aclose(), driver.aclose())
                await driver.aclose()
            with suppress(aiostorage.ClosedError):
                await driver.container("bucket").object("k").read()
                raise SystemExit("it goes on after it was closed")

    asyncio.run(main("with"))
    asyncio.run(main("aclose"))
    """,
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
    assert "Event loop is closed" not in ended.stderr
    assert ended.stderr.count("a driver for") == 1


def test_nothing_is_read_on_the_loops_thread() -> None:
    """No model, no certificate, no settings, no module of a third party: each takes longer than 10 ms now and then.

    A stall that is measured depends on the machine; what causes one does not. So files that are opened, modules
    that are imported and TLS contexts that are made while the loop runs are counted, from when a driver is made
    (whose own modules are there) until its first request is answered.
    """
    ended = run("""
    os.environ |= {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
    import re, ssl, aiostorage.drivers, aiostorage.connect
    for name in ("s3", "gcs", "azure", "swift", "local", "memory"):
        __import__(f"aiostorage.providers.{name}.backend")
    found, watching = [], False
    is_code = re.compile("[.]pyc?([.][0-9]+)?$")  # with a number while it is being written

    def note(event, what):
        if watching and threading.get_ident() == loops_thread:
            found.append(f"{event} {what}")

    def hook(event, args):
        if event == "open" and not isinstance(args[0], int) and not is_code.search(os.fsdecode(args[0])):
            note(event, args[0])
        elif event == "import" and args[0].partition(".")[0] not in {"aiostorage", *sys.stdlib_module_names}:
            note(event, args[0])
        elif event == "subprocess.Popen":
            note(event, args[0])

    make_context = ssl.create_default_context

    def watched(*args, **kwargs):
        note("a TLS context", "")
        return make_context(*args, **kwargs)

    ssl.create_default_context = watched
    loops_thread = threading.get_ident()
    sys.addaudithook(hook)

    async def main():
        global watching
        async with ScriptedServer(answer=answer) as server:
            makers = [
                lambda: aiostorage.S3Driver(endpoint=server.url),  # region, profile and keys: to be looked for
                lambda: aiostorage.connect(f"s3://?endpoint={server.url}&region=r"),
                lambda: aiostorage.GCSDriver(endpoint=server.url, project="p", anonymous=True),
                lambda: aiostorage.AzureDriver(endpoint=server.url + "/account", account_key="a2V5"),
                lambda: aiostorage.SwiftDriver(token="t", storage_url=server.url + "/v1/AUTH_a"),
                lambda: aiostorage.LocalDriver(os.environ["ROOT"]),
                lambda: aiostorage.MemoryDriver(),
            ]
            for make in makers:
                watching = True
                async with make() as driver:
                    with suppress(aiostorage.StorageError):
                        await driver.container("bucket").object("k").read()
                watching = False
            assert len(DONE) >= 5, DONE

    asyncio.run(main())
    print(found)
    """)
    assert (ended.returncode, ended.stdout.strip()) == (0, "[]"), ended.stderr
