"""Network nodes computed by a process model."""
