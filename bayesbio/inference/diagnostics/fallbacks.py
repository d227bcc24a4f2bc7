"""Fallbacks: what was tried and given up is logged, and kept for the verdict."""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Iterator
from contextlib import contextmanager

LOGGER = logging.getLogger("bayesbio")
LOGGER.addHandler(logging.NullHandler())

_records: contextvars.ContextVar[tuple[list[str], ...]] = contextvars.ContextVar(
    "fallback_records", default=()
)


def record_fallback(sentence: str, *, cause: BaseException | None = None) -> None:
    """
    Log a fallback as a warning, and add it to every record that is open.

    Parameters
    ----------
    sentence : str
        What was given up, why, and what was done instead.
    cause : exception, optional
        The error behind it; its traceback goes to the log.

    Examples
    --------
    >>> with fallback_record() as record:
    ...     record_fallback("The column note was ignored: it holds no numbers.")
    >>> record
    ['The column note was ignored: it holds no numbers.']
    """
    LOGGER.warning(sentence, exc_info=cause)
    for record in _records.get():
        if sentence not in record:
            record.append(sentence)


@contextmanager
def fallback_record() -> Iterator[list[str]]:
    """
    Collect the fallbacks of a block; records within records both receive them.

    Yields
    ------
    list of str
        Put it into ``tree["posterior"].attrs["fallbacks"]``: `verdict_of` reports it from there.

    Examples
    --------
    See `record_fallback`.
    """
    record: list[str] = []
    token = _records.set((*_records.get(), record))
    try:
        yield record
    finally:
        _records.reset(token)
