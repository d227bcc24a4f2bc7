import pytest

from bayesbio.data import Columns, ColumnUse
from bayesbio.data.findings import Finding, Findings, error, warning
from bayesbio.errors import DataError, UnitError


def test_errors_come_first_and_each_finding_once():
    found = Findings([warning("a"), error("b"), warning("a")])
    assert [item.severity for item in found] == ["error", "warning"]
    assert Findings.from_list(found.to_list()) == found


def test_the_first_error_is_raised_and_the_others_are_counted():
    with pytest.raises(UnitError, match=r"in 'h'. Correct it. \(1 more: read with strict=False"):
        Findings([error("in 'h'.", "Correct it.", subject="unit"), error("c")]).require()
    with pytest.raises(DataError, match="Run 'R1': no volume"):
        Findings([error("no volume", run="R1")]).require()
    Findings([warning("a")]).require()


def test_findings_about_runs_quantities_and_times():
    found = Findings(
        [
            error("a", run="R1", time=5.0, quantity="titer"),
            error("b", run="R2"),
            warning("c"),
        ]
    )
    assert [f.what for f in found.about(["R1"])] == ["a", "c"]
    assert [f.what for f in found.about(["R1"], quantities=["glucose"])] == ["c"]
    assert [f.what for f in found.about(["R1", "R2"], until=4.0)] == ["b", "c"]


def test_what_is_alike_in_several_runs_is_one_finding():
    jumps = [
        Finding("warning", run, None, f"jumps by {n}", "Check.") for run, n in (("A", 9), ("B", 12))
    ]
    (merged,) = Findings(jumps).merged()
    assert str(merged) == "Run 'A': jumps by 9 Check. (The same in B.)"


def test_a_column_is_described_in_one_line():
    use = ColumnUse("Glc (mM)", "measurement", "glucose", "mM", "g/L", 2, "fill words left out")
    assert (
        str(use)
        == "'Glc (mM)' -> glucose (measurement, replicate 2), mM -> g/L; fill words left out"
    )


def test_several_sheets_are_listed_apart():
    uses = Columns([ColumnUse("a", "run", sheet="S1"), ColumnUse("b", "run", sheet="S2")])
    assert str(uses).splitlines() == ["S1:", "  'a' -> run", "S2:", "  'b' -> run"]
    assert Columns.from_list(uses.to_list()) == uses and len(uses + uses) == 2
