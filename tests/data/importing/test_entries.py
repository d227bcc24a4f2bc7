import datetime as dt

from bayesbio.data.importing.entries import Entries, Entry, assemble, natural

START = dt.datetime(2024, 3, 1, 8)


def later(hours):
    return START + dt.timedelta(hours=hours)


def test_dated_values_count_from_the_inoculation_else_from_the_first():
    entries = Entries(values=[Entry("A", later(h), "titer", "measurement", 1.0) for h in (2, 5)])
    (run,), _ = assemble(entries, [])
    assert run.times().tolist() == [0.0, 3.0]
    entries = Entries(
        values=[Entry("A", later(2), "titer", "measurement", 1.0)], origins={"A": START}
    )
    assert assemble(entries, [])[0][0].times().tolist() == [2.0]


def test_values_of_one_moment_are_numbered_as_replicates():
    values = [Entry("A", 1.0, "titer", "measurement", v) for v in (2.0, 1.0)]
    (run,), _ = assemble(entries := Entries(values=values), [])
    assert run.measurements[["value", "replicate"]].values.tolist() == [[1.0, 1], [2.0, 2]]
    assert "read as replicates" in str(entries.findings[0])


def test_roles_become_settings_profiles_and_events():
    roles = ("setting", "profile", "bolus", "sample")
    (run,), _ = assemble(Entries(values=[Entry("A", 1.0, "feed_rate", r, 2.0) for r in roles]), [])
    assert dict(run.settings) == {"feed_rate": 2.0} and run.profiles["feed_rate"].at(9.0) == 2.0
    assert [(e.kind, e.quantity) for e in run.events] == [
        ("bolus", "feed_rate"),
        ("sample", "volume"),
    ]


def test_runs_come_as_stated_then_in_natural_order():
    entries = Entries(runs=dict.fromkeys(["R10", "R2", "B"]))
    assert [run.name for run in assemble(entries, ["R10"])[0]] == ["R10", "B", "R2"]
    assert natural("R²") == ((1, 0.0, "r²"),)
