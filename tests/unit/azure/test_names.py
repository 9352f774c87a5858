from __future__ import annotations

import pytest

from aiostorage.errors import InvalidNameError
from aiostorage.providers.azure.names import check_container, check_key


@pytest.mark.parametrize("name", ["abc", "a-b", "a1-2b", "x" * 63, "$root", "$web", "$logs", "000"])
def test_containers(name: str) -> None:
    check_container(name)


@pytest.mark.parametrize(
    "name", ["", "ab", "x" * 64, "-ab", "ab-", "a--b", "Abc", "a_b", "a.b", "$other", "a/b", "äbc"]
)
def test_what_is_no_container(name: str) -> None:
    with pytest.raises(InvalidNameError) as caught:
        check_container(name)
    assert (caught.value.provider, caught.value.container) == ("azure", name)


NO_CHARACTERS = ["\0", "a\n", "\x7f", "\x81", "\uffff", "\ud800"]


@pytest.mark.parametrize(
    "key",
    ["", "x" * 1025, "/".join("x" * 255), "a.", "a./b", ".", "..", "a/../b", "a\\b", *NO_CHARACTERS],
)
def test_what_is_no_key(key: str) -> None:
    with pytest.raises(InvalidNameError) as caught:
        check_key("container", key)
    assert (caught.value.container, caught.value.key) == ("container", key)
