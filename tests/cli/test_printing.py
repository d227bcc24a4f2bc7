from types import SimpleNamespace

import pandas as pd
import pytest
import typer

from bayesbio.cli.printing import print_line, print_summary, print_verdict
from bayesbio.inference import Verdict, VerdictItem


@pytest.fixture
def failed_verdict():
    words = ("The chains disagree.", "Sample longer.")
    return Verdict((VerdictItem("R-hat", 1.3, "<= 1.01", False, *words),))


def test_a_failed_verdict_is_printed_and_ends_with_exit_code_one(failed_verdict, capsys):
    with pytest.raises(typer.Exit) as left:
        print_verdict(SimpleNamespace(check=lambda: failed_verdict))
    assert left.value.exit_code == 1
    assert "The chains disagree. What to do: 1. Sample longer." in " ".join(
        capsys.readouterr().out.split()
    )


def test_advice_is_printed_and_takes_the_green_from_the_answer(capsys):
    words = ("The prior pulls against the data.", "Widen it.")
    item = VerdictItem("prior-data conflict", 0.1, "<= 0.05", False, *words, advisory=True)
    print_verdict(SimpleNamespace(check=lambda: Verdict((item,))))
    printed = " ".join(capsys.readouterr().out.split())
    assert "0 of 1 checks passed, 1 to look at." in printed
    assert "to look at: The prior pulls against the data. Widen it." in printed


@pytest.mark.parametrize("name", ["[A]", "R[/x]", "[bold]", "a [red]b[/]"])
def test_names_that_look_like_markup_are_printed_as_they_are(name, capsys):
    print_line(f"run {name}", label="warning", style="yellow")
    table = pd.DataFrame({"unit": ["g/L"], "eti_50": [1.0]}, index=["yield"])
    print_summary(table, f"Model of {name}")
    printed = capsys.readouterr().out
    assert f"warning: run {name}" in printed and f"Model of {name}" in printed
