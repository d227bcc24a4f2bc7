"""Reference distributions of a normal run: historical runs or a calibrated process model."""
