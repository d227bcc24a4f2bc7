"""Factors of a culture as columns of a design matrix: coding, terms, mixtures, missing values."""
