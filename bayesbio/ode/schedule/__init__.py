"""When a run is interrupted: segments, events, failures."""
