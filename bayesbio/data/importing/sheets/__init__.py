"""One sheet: its cells, headers, columns and structure."""
