from __future__ import annotations

import pytest

from aiostorage.errors import InvalidNameError
from aiostorage.providers.s3.names import check_container, check_key
from aiostorage.providers.s3.profiles import AWS, CEPH, GENERIC, MINIO, RCLONE, SWIFT, Vendor

KEYS = ["a", "#", "a+b", "%2F", "a//b", "../x", "a/./b", "/a", "a/", ".", "..", " ", "\U0001f600" * 256, "\x01", "\r\n"]


@pytest.mark.parametrize("vendor", [AWS, GENERIC, SWIFT])
@pytest.mark.parametrize("key", KEYS)
def test_a_key_may_be_anything(vendor: Vendor, key: str) -> None:
    check_key("bucket", key, vendor)


@pytest.mark.parametrize("key", ["", "x" * 1025, "é" * 513, "\ud800"])
def test_but_for_length_and_encoding(key: str) -> None:
    with pytest.raises(InvalidNameError) as caught:
        check_key("bucket", key, AWS)
    assert caught.value.key == key


@pytest.mark.parametrize(
    ("vendor", "key", "is_held"),
    [
        (SWIFT, "a\x00", False),
        (CEPH, "a\x00", False),
        (RCLONE, "a/b.c/..d", True),
        (RCLONE, "a//b", False),
        (RCLONE, "/a", False),
        (RCLONE, "a/", False),
        (RCLONE, "a/../b", False),
        (RCLONE, ".", False),
        (RCLONE, "a\tb", False),
        (RCLONE, "é" * 127, True),
        (RCLONE, "é" * 128, False),
        (RCLONE, "x" * 255 + "/" + "y" * 255, True),
        (MINIO, "a/", True),
        (MINIO, "a//b", False),
        (MINIO, "../b", False),
    ],
)
def test_what_some_services_cannot_hold(vendor: Vendor, key: str, is_held: bool) -> None:
    if is_held:
        check_key("bucket", key, vendor)
    else:
        with pytest.raises(InvalidNameError):
            check_key("bucket", key, vendor)


@pytest.mark.parametrize(
    ("name", "at_amazon", "elsewhere"),
    [
        ("bucket", True, True),
        ("my.bucket-1", True, True),
        ("x" * 63, True, True),
        ("x" * 64, False, True),
        ("ab", False, True),
        ("My_Bucket", False, True),
        ("a..b", False, True),
        ("-ab", False, True),
        ("192.168.1.1", False, True),
        ("tenant:bücket", False, True),
        ("", False, False),
        ("a/b", False, False),
        (".", False, False),
        ("..", False, False),
        ("a\nb", False, False),
        ("abc\n", False, False),
        ("\ud800", False, False),
        ("x" * 256, False, False),
    ],
)
def test_names_of_containers(name: str, at_amazon: bool, elsewhere: bool) -> None:
    for vendor, is_held in ((AWS, at_amazon), (GENERIC, elsewhere)):
        if is_held:
            check_container(name, vendor)
        else:
            with pytest.raises(InvalidNameError):
                check_container(name, vendor)
