import openpyxl
import pytest

from bayesbio.data import read_campaign, read_plan, write_template
from bayesbio.data.template import EXAMPLE
from bayesbio.errors import DataError
from bayesbio.mechanistic import MammalianFedBatch


def filled(path, name="R1"):
    """The workbook with its example under the name of a run, as if a user had overwritten it."""
    book = openpyxl.load_workbook(path)
    for page in book:
        for row in page.iter_rows():
            for cell in row:
                cell.value = name if cell.value == EXAMPLE else cell.value
    book.save(path.with_name("mine.xlsx"))
    return path.with_name("mine.xlsx")


def test_the_example_is_a_run_without_a_finding_once_it_has_a_name(tmp_path):
    campaign = read_campaign(filled(write_template(tmp_path)))
    assert not campaign.findings and campaign.names == ("R1",)
    added = {event.of for event in campaign["R1"].events if event.kind == "bolus"}
    assert added == {"Feed A", "Glucose bolus", "base", ""}
    assert "temperature" in campaign["R1"].profiles


def test_the_example_is_never_read(tmp_path):
    path = write_template(tmp_path)
    with pytest.raises(DataError, match="only the example of the template"):
        read_campaign(path)
    book = openpyxl.load_workbook(path)
    book["runs"].append(["R9", "clone B", 2.0])
    book["measurements"].append(["R9", 0, 0.4])
    book["measurements"].append(["R9", 1, 0.8])
    book.save(path)
    assert read_campaign(path).names == ("R9",)


def test_the_plan_of_a_workbook_is_predicted_and_not_fitted(tmp_path):
    path = filled(write_template(tmp_path), "NEXT")
    model = MammalianFedBatch(feed=False)
    plan = read_plan(path, model=model)
    assert plan.times["NEXT"] == tuple(24.0 * day for day in range(11))
    doses = [e for e in plan.campaign["NEXT"].events if e.quantity == "glucose"]
    assert [event.value for event in doses] == pytest.approx([2.1, 2.1, 2.1])
    assert read_campaign(path)["NEXT"].measurements["time_h"].nunique() == 8


def test_sheets_have_lists_to_choose_from_and_units_in_their_headers(tmp_path):
    book = openpyxl.load_workbook(write_template(tmp_path))
    for name in ("measurements", "feeds", "events", "profiles", "plan", "columns"):
        assert book[name].data_validations.dataValidation, name
    assert book["measurements"]["E1"].value == "glucose (g/L)"
    offers = {
        str(o.sqref): o.formula1 for o in book["measurements"].data_validations.dataValidation
    }
    assert "glucose (mM)" in offers["E1"] and offers["A2:A500"] == "runs!$A$2:$A$500"


def test_a_template_never_overwrites(tmp_path):
    write_template(tmp_path)
    with pytest.raises(DataError, match="already there"):
        write_template(tmp_path)
