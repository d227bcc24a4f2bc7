import dataclasses
import inspect

import pytest
from typer.testing import CliRunner

from bayesbio.cli import app
from bayesbio.cli.commands import all_commands
from bayesbio.cli.options import Assumptions, Sampling, SheetOptions, grouped
from bayesbio.errors import DataError


def test_fields_of_a_group_are_parameters_of_the_command():
    received = {}

    @dataclasses.dataclass(frozen=True)
    class Pair:
        first: int
        second: int = 2

    def command(pair: Pair, third: int = 3) -> None:
        """Say so."""
        received["pair"], received["third"] = pair, third

    offered = grouped(command)
    parameters = inspect.signature(offered).parameters
    assert {name: each.default for name, each in parameters.items()} == {
        "first": inspect.Parameter.empty,
        "second": 2,
        "third": 3,
    }
    assert offered.__name__ == "command" and offered.__doc__ == "Say so."
    offered(first=1, second=5, third=7)
    assert received == {"pair": Pair(1, 5), "third": 7}


def test_no_command_takes_more_than_ten_parameters():
    assert all(len(inspect.signature(command).parameters) <= 10 for command in all_commands())


def test_the_help_of_a_command_shows_every_option_of_its_groups():
    shown = CliRunner().invoke(app, ["fit", "--help"], terminal_width=200, color=False).output
    for kind in (Assumptions, SheetOptions, Sampling):
        for field in dataclasses.fields(kind):
            assert f"--{field.name.replace('_', '-')}" in shown
    assert "\\" not in shown


def test_what_is_assumed_becomes_arguments_of_a_fit():
    assumed = Assumptions(vary=["growth=clone,run"], prior=["growth=0.04"], noise=["titer=normal"])
    assert assumed.request() == {
        "priors": {"growth": 0.04},
        "vary": {"growth": ("clone", "run")},
        "noise": {"titer": "normal"},
    }
    with pytest.raises(DataError, match="--vary 'growth'"):
        Assumptions(vary=["growth"]).request()


def test_a_fit_that_is_resumed_finds_its_checkpoint_beside_the_file(tmp_path):
    target = tmp_path / "posterior.nc"
    assert Sampling().request(target)["checkpoint"] is None
    assert Sampling(resume=True).request(target)["checkpoint"] == tmp_path / "posterior.checkpoint"


def test_what_feeds_hold_may_stand_in_a_file_of_its_own(tmp_path):
    runs, feeds = tmp_path / "runs.csv", tmp_path / "what we feed.csv"
    runs.write_text("Run,Day,Glc (g/L),Feed A (mL),Start volume (L)\nR1,0,6,,2\nR1,3,4,60,2\n")
    feeds.write_text("name,component,concentration,unit\nFeed A,glucose,70,g/L\n")
    shown = CliRunner().invoke(app, ["check", str(runs), "--feeds", str(feeds)])
    assert "feed with glucose 70 g/L" in shown.output and "Nothing looks wrong" in shown.output
    bolus = SheetOptions(feeds=feeds).runs(runs)["R1"].events
    assert {event.quantity: event.value for event in bolus} == pytest.approx(
        {"volume": 0.06, "glucose": 4.2}
    )
