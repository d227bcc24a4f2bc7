"""Group effects: partial pooling, covariates, correlation, non-centred parameterisation."""
