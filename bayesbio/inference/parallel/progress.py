"""How far long work has come, told to whoever wants to hear it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress


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
def audience(
    progress: Callable[[Progress], None] | bool | None, *, counted: str = "draws"
) -> Iterator[Callable[[Progress], None]]:
    """
    Whoever wants to hear about progress: nobody, a function, or a bar on the terminal.

    Parameters
    ----------
    progress : callable or bool, optional
        True shows a bar; a callable receives a `Progress`.
    counted : str
        What is counted, for the bar.

    Yields
    ------
    callable
        To be told a `Progress`.

    Examples
    --------
    >>> with audience(lambda state: print(state.finished, "of", state.total)) as tell:
    ...     tell(Progress("sampling", finished=3, total=4))
    3 of 4
    """
    if callable(progress):
        yield progress
    elif progress:
        told = "{task.completed}/{task.total} " + counted
        if counted == "draws":
            told += ", {task.fields[divergences]} divergences"
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn(told),
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
