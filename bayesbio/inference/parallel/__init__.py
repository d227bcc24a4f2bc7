"""Jobs on cores, executors and clusters, with progress."""
