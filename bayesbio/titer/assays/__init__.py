"""Assay bridge: several assays and proxies of one titer."""
