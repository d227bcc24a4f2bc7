"""Saved results: files, content hashes, versions."""

from bayesbio.inference.archive.files import archive_card, read_archive, write_archive
from bayesbio.inference.archive.results import result_from_archive, result_hash, save_result

__all__ = [
    "archive_card",
    "read_archive",
    "result_from_archive",
    "result_hash",
    "save_result",
    "write_archive",
]
