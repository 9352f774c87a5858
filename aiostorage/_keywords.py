"""Keyword options that are none, refused as Python refuses unknown arguments.

A ``TypedDict`` of options tells type checkers what there is; at run time ``**options`` takes anything,
and a misspelt option would be ignored without a word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet


def check_keywords(callee: str, options: Mapping[str, object], known: AbstractSet[str]) -> None:
    """Refuse what is not among the keys of a ``TypedDict``.

    Args:
        callee: What was called, for the message.
        options: What it was given.
        known: The ``__optional_keys__`` of the options' class; inherited ones are in it.

    Raises:
        TypeError: An option is unknown.
    """
    if not options.keys() <= known:
        unknown = next(name for name in options if name not in known)
        raise TypeError(f"{callee} got an unexpected keyword argument {unknown!r}")
