import openpyxl
import pytest

from bayesbio.data import Event, read_campaign, write_template
from bayesbio.data.template import EXAMPLE, SHEETS
from bayesbio.errors import DataError

TABLES = {
    "runs": "run,clone,volume_L,initial_glucose_mM,feed_glucose "
    "(g/L),site\nR2,B,2,30,100,Basel\nR1,A,1,25,100,Basel\n",
    "measurements": "run,day,glucose_mM,titer (mg/L),titer_flag\n"
    "R1,0,30,10,below\nR1,1,25,20,\nR2,0,31,10,below\n"
    "R2,2,20,400,excluded\n",
    "events": "run,time_h,kind,quantity,value,unit\n"
    "R1,12,bolus,glucose,100,mmol\nR1,12,bolus,volume,50,mL\n"
    "R1,13,sample,,20,mL\nR2,24,switch,feed_rate,5,mL/h\n"
    "R2,0,inoculation,viable_cell_density,3e5,cells/mL\n"
    "R2,30,feed,volume,10,mL\n",
    "profiles": "run,time_h,quantity,value,unit,interpolation\n"
    "R1,0,feed_rate,5,mL/h,linear\nR1,24,feed_rate,10,mL/h,linear\n"
    "R2,0,agitation,100,rpm,step\nR2,48,agitation,120,rpm,step\n",
}


@pytest.fixture
def folder(tmp_path):
    for name, text in TABLES.items():
        (tmp_path / f"{name}.csv").write_text(text)
    return tmp_path


def test_the_folder_format_is_read_in_house_units(folder):
    campaign = read_campaign(folder)
    assert campaign.names == ("R2", "R1")  # the order of runs.csv
    assert dict(campaign["R1"].settings) == {
        "clone": "A",
        "volume": 1.0,
        "initial_glucose": pytest.approx(25e-3 * 180.156),
        "feed_glucose": 100.0,
        "site": "Basel",
    }
    assert campaign["R1"].events == (
        Event(12.0, "bolus", "glucose", 18.0156),
        Event(12.0, "bolus", "volume", 0.05),
        Event(13.0, "sample", "volume", 0.02),
    )
    assert Event(24.0, "switch", "feed_rate", 0.005) in campaign["R2"].events
    assert Event(0.0, "inoculation", "viable_cell_density", 0.3) in campaign["R2"].events
    assert Event(30.0, "bolus", "volume", 0.01) in campaign["R2"].events
    assert campaign["R1"].profiles["feed_rate"].interpolation == "linear"
    assert campaign["R1"].profiles["feed_rate"].at(12.0) == pytest.approx(0.0075)
    assert campaign["R2"].profiles["agitation"].interpolation == "step"
    rows = campaign.to_frame()
    titer = rows[rows["quantity"] == "titer"]
    assert titer["flag"].tolist() == ["below", "excluded", "below", ""]


def test_long_measurements_carry_their_details(tmp_path):
    (tmp_path / "measurements.csv").write_text(
        "run,time,quantity,value,unit,replicate,flag,sd,value_upper\n"
        "R1,0,glucose,30,mM,1,,1,\nR1,0,glucose,32,mM,2,,,\nR1,5,titer,10,mg/L,1,between,,20\n"
    )
    frame = read_campaign(tmp_path).to_frame(details=True)
    assert frame["replicate"].tolist() == [1, 2, 1]
    assert frame["flag"].tolist() == ["", "", "between"]
    assert frame["value_upper"].tolist()[2] == pytest.approx(0.02)
    assert frame["sd"].tolist()[0] == pytest.approx(0.180156)


def test_columns_csv_maps_foreign_headers(tmp_path):
    (tmp_path / "measurements.csv").write_text("Lauf X,Uhr,Glc YSI,Foo\na,0,30,1\na,2,20,2\n")
    (tmp_path / "columns.csv").write_text(
        "column,quantity,unit,role\nLauf X,run,,run\nUhr,time,d,time\nGlc "
        "YSI,glucose,mM,\nFoo,,,ignore\n"
    )
    campaign = read_campaign(tmp_path)
    assert campaign.names == ("a",)
    assert campaign["a"].times("glucose").tolist() == [0.0, 48.0]
    assert campaign.quantities == ("glucose",)


def test_wide_profiles_are_read_too(tmp_path):
    (tmp_path / "measurements.csv").write_text("run,time_h,titer (g/L)\nR1,0,0\nR1,10,1\n")
    (tmp_path / "profiles.csv").write_text("run,time_h,temperature_C,pH\nR1,0,37,7\nR1,10,33,6.9\n")
    profiles = read_campaign(tmp_path)["R1"].profiles
    assert profiles["temperature"].values.tolist() == [310.15, 306.15]
    assert profiles["ph"].values.tolist() == [7.0, 6.9]


def test_a_workbook_with_the_sheets_of_the_house_reads_as_the_folder(folder, tmp_path):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, text in TABLES.items():
        page = book.create_sheet(name.capitalize())
        for line in text.strip().split("\n"):
            page.append([_number(cell) for cell in line.split(",")])
    book.save(tmp_path / "all.xlsx")
    assert read_campaign(tmp_path / "all.xlsx").hash == read_campaign(folder).hash


def _number(text):
    try:
        return float(text)
    except ValueError:
        return text or None


def test_the_template_says_the_same_as_csv(tmp_path):
    write_template(tmp_path)
    book, tables = openpyxl.load_workbook(tmp_path / "campaign.xlsx"), tmp_path / "csv"
    assert {path.stem for path in tables.iterdir()} == set(SHEETS)
    for page in book:
        for row in page.iter_rows():
            row[0].value = "R1" if row[0].value == EXAMPLE else row[0].value
    book.save(tmp_path / "mine.xlsx")
    for path in tables.iterdir():
        path.write_text(path.read_text(encoding="utf-8").replace(EXAMPLE, "R1"), encoding="utf-8")
    assert read_campaign(tables).hash == read_campaign(tmp_path / "mine.xlsx").hash


def test_the_example_alone_is_refused(tmp_path):
    write_template(tmp_path)
    with pytest.raises(DataError, match="only the example of the template"):
        read_campaign(tmp_path / "csv")


def test_a_template_never_overwrites_data(tmp_path):
    write_template(tmp_path)
    with pytest.raises(DataError, match="already there"):
        write_template(tmp_path)
