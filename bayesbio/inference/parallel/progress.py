"""Progress of long work, for a function or a bar on the terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

from bayesbio.inference.diagnostics.fallbacks import record_fallback


@dataclass(frozen=True)
class Progress:
    """
    How far long work has come; handed to ``progress=`` a few times a second.

    Attributes
    ----------
    stage : str
        "compiling", "searching the mode", "sampling" or "sampling again with smaller steps"; for
        what repeats, what it is: "held-out refits".
    finished, total : int
        Draws done and asked for, over all chains, tuning included; or repetitions.
    divergences : int
        Divergences so far, tuning included.
    elapsed : float
        Seconds since it began.
    remaining : float
        Seconds to go at the present pace; NaN while unknown.
    """

    stage: str
    finished: int = 0
    total: int = 0
    divergences: int = 0
    elapsed: float = 0.0
    remaining: float = float("nan")


@contextmanager
def progress_reporter(
    progress: Callable[[Progress], None] | bool | None, *, counted: str = "draws"
) -> Iterator[Callable[[Progress], None]]:
    """
    Report progress to nobody, to a function, or to a bar on the terminal.

    A function that raises is not called again: a broken display costs no draws.

    Parameters
    ----------
    progress : callable or bool, optional
        True shows a bar; a callable receives a `Progress`.
    counted : str
        What is counted, for the bar.

    Yields
    ------
    callable
        Takes a `Progress`.

    Examples
    --------
    >>> with progress_reporter(lambda state: print(state.finished, "of", state.total)) as report:
    ...     report(Progress("sampling", finished=3, total=4))
    3 of 4
    """
    if callable(progress):
        yield _guarded(progress)
    elif progress:
        text = "{task.completed}/{task.total} " + counted
        if counted == "draws":
            text += ", {task.fields[divergences]} divergences"
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn(text),
            TimeRemainingColumn(),
        )
        with RichProgress(*columns) as bar:
            task = bar.add_task("starting", total=None, divergences=0)

            def show(state: Progress) -> None:
                bar.update(
                    task,
                    description=state.stage,
                    completed=state.finished,
                    total=state.total or None,
                    divergences=state.divergences,
                )

            yield show
    else:
        yield lambda state: None


def _guarded(function: Callable[[Progress], None]) -> Callable[[Progress], None]:
    """Call a function until it raises; Ctrl-C passes."""
    working = [True]

    def report(state: Progress) -> None:
        if not working:
            return
        try:
            function(state)
        except Exception as error:
            working.clear()
            record_fallback(
                f"The function given as progress= failed ({type(error).__name__}: {error}) and was "
                "not called again.",
                cause=error,
            )

    return report
