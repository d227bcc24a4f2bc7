"""Saved results: files, content hashes, versions."""
