"""From a process model to compiled code: tracing, derivatives, emission, cache, LaTeX."""
