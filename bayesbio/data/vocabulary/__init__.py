"""Quantities and units: the words that tables are read with."""
