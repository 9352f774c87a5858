from __future__ import annotations

import sys
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiostorage import checksums, hashing
from aiostorage.errors import UnsupportedError
from aiostorage.models import HashAlgorithm, ObjectHash, Part
from aiostorage.providers.s3.values import joined_hash

CRCS: list[HashAlgorithm] = ["crc32", "crc32c", "crc64nvme"]
CHECKS = {"crc32": "cbf43926", "crc32c": "e3069283", "crc64nvme": "ae8b14860a799888"}
"""Of 123456789, by the catalogue at https://reveng.sourceforge.io/crc-catalogue/all.htm."""


@pytest.mark.anyio
@pytest.mark.parametrize("algorithm", CRCS)
async def test_crcs_are_those_of_the_catalogue(algorithm: HashAlgorithm) -> None:
    assert await checksums.load(algorithm)
    assert hashing.is_computable(algorithm)
    for data in (b"123456789", bytearray(b"123456789"), memoryview(b"123456789")):
        assert (await checksums.digest(algorithm, data)).hex() == CHECKS[algorithm]
    hasher = hashing.new_hasher(algorithm)
    assert hasher is not None
    for piece in (b"1234", b"", b"56789"):
        hasher.update(piece)
    assert hasher.digest().hex() == CHECKS[algorithm]


@pytest.mark.anyio
async def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("awscrt", "awscrt.checksums", "google_crc32c"):
        monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr(hashing, "_loaded", {"crc32": zlib.crc32})
    for algorithm in CRCS[1:]:
        with pytest.raises(UnsupportedError, match=f"computes {algorithm}; pip install awscrt$"):
            await checksums.digest(algorithm, b"")
    assert await checksums.load("crc32")


@given(st.binary(max_size=300), st.binary(max_size=300), st.sampled_from(CRCS))
def test_joined_pieces(first: bytes, second: bytes, algorithm: HashAlgorithm) -> None:
    hashing.load(algorithm)

    def crc(data: bytes) -> int:
        hasher = hashing.new_hasher(algorithm)
        assert hasher is not None
        hasher.update(data)
        return int.from_bytes(hasher.digest(), "big")

    assert hashing.crc_combine(algorithm, crc(first), crc(second), len(second)) == crc(first + second)


def test_the_hash_of_parts() -> None:
    def part(number: int, algorithm: HashAlgorithm, value: str) -> Part:
        return Part(number=number, offset=0, size=3, etag="e", checksum=ObjectHash(algorithm=algorithm, value=value))

    parts = [part(1, "sha256", "00" * 32), part(2, "sha256", "ff" * 32)]
    # By sha256sum.
    assert joined_hash("sha256", parts, "COMPOSITE") == ObjectHash(
        algorithm="sha256",
        value="bba91ca85dc914b2ec3efb9e16e7267bf9193b14350d20fba8a8b406730ae30a",
        scope="parts",
    )
    assert joined_hash("sha256", [], "COMPOSITE") is None
    assert joined_hash("sha256", [*parts, part(3, "md5", "00")], "COMPOSITE") is None
    assert joined_hash("crc32", [part(1, "crc32", "0000000a")], "FULL_OBJECT") == ObjectHash(
        algorithm="crc32", value="0000000a"
    )
    composite = joined_hash("crc32", [part(1, "crc32", "0000000a")], "COMPOSITE")
    assert composite == ObjectHash(algorithm="crc32", value=f"{zlib.crc32(bytes([0, 0, 0, 10])):08x}", scope="parts")
