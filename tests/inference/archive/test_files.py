"""A saved posterior comes back to the last bit, or says why not."""

import errno
import json

import numpy as np
import pytest
import xarray as xr

from bayesbio.errors import CalibrationError
from bayesbio.inference import archive_card, read_archive, write_archive
from bayesbio.inference.archive.environment import changed_since, lock_hash_of, versions
from bayesbio.inference.archive.files import _restored, content_hash


@pytest.fixture
def tree():
    rng = np.random.default_rng(1)
    rate = rng.normal(size=(4, 300))
    rate[0, :3] = np.nan, -0.0, np.inf
    # A NaN that carries a message: decoding with fill values would lose it.
    rate[0, 3] = np.array([0x7FF8_0000_0000_0123], dtype=np.uint64).view(float)[0]
    draw = ("chain", "draw")
    return xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset(
                {
                    "rate": (draw, rate, {"units": "hours", "calendar": None}),
                    "by_run": ((*draw, "run"), rng.normal(size=(4, 300, 2))),
                },
                coords={"run": np.array(["R1", "Müller 2"], dtype=object)},
                attrs={"random_seed": 2**63, "partial": False, "names": ["a", "b"], "x": 0.1},
            ),
            "sample_stats": xr.Dataset(
                {
                    "diverging": (draw, rate > 0),
                    "n_steps": (draw, np.arange(1200, dtype=np.uint64).reshape(4, 300)),
                    "message": (draw, np.full((4, 300), "")),
                }
            ),
            "constant_data": xr.Dataset({"limit": 3.0, "nothing": ("none", np.empty(0))}),
        }
    )


@pytest.fixture
def saved(tree, tmp_path):
    path = tmp_path / "fit.nc"
    content = {"model": {"name": "BatchCulture", "options": [1, None, 0.1]}, "note": "µ"}
    write_archive(path, tree, kind="calibration", content=content)
    return path


def bits(values):
    return values.astype(object).tolist() if values.dtype.kind in "UO" else values.tobytes()


def test_every_bit_comes_back(tree, saved):
    again, kind, content = read_archive(saved)
    assert kind == "calibration"
    assert content == {"model": {"name": "BatchCulture", "options": [1, None, 0.1]}, "note": "µ"}
    assert list(again.children) == list(tree.children)
    for group in tree.children:
        assert set(again[group].variables) == set(tree[group].variables)
        assert again[group].attrs == tree[group].attrs
        for name, variable in tree[group].variables.items():
            other = again[group].variables[name]
            assert (other.dims, other.attrs) == (variable.dims, variable.attrs)
            assert bits(other.to_numpy()) == bits(variable.to_numpy())
            if variable.dtype.kind not in "UO":
                assert other.dtype == variable.dtype


def test_other_tools_can_open_the_file(saved):
    with xr.open_datatree(saved, engine="netcdf4", decode_timedelta=False) as opened:
        assert opened["posterior/rate"].shape == (4, 300)
        assert opened["posterior/rate"].attrs["units"] == "hours"


def test_a_saved_archive_can_be_saved_again(saved, tmp_path):
    tree, kind, content = read_archive(saved)
    write_archive(tmp_path / "again.nc", tree, kind=kind, content=content)
    again, _, _ = read_archive(tmp_path / "again.nc")
    assert again["posterior"].attrs == tree["posterior"].attrs
    assert (
        again["posterior/rate"].to_numpy().tobytes() == tree["posterior/rate"].to_numpy().tobytes()
    )


@pytest.mark.parametrize("fraction", [0.0, 0.01, 0.5, 0.999])
def test_a_file_cut_short_is_refused(saved, fraction):
    whole = saved.read_bytes()
    saved.write_bytes(whole[: int(fraction * len(whole))])
    with pytest.raises(CalibrationError, match="'.*fit.nc' is damaged, cut short"):
        read_archive(saved)


def test_a_flipped_byte_anywhere_is_refused_or_harmless(saved, tree):
    whole = saved.read_bytes()
    refused = 0
    for place in np.random.default_rng(2).integers(len(whole), size=25):
        flipped = bytearray(whole)
        flipped[place] ^= 0xFF
        saved.write_bytes(flipped)
        try:
            again, _, _ = read_archive(saved)
        except CalibrationError:
            refused += 1
        else:
            # Bytes that the file does not use.
            assert bits(again["posterior/rate"].values) == bits(tree["posterior/rate"].values)
    assert refused > 10


def edit(path, change):
    """Change a file the way somebody with a netCDF tool would."""
    with xr.open_datatree(path, engine="netcdf4", decode_timedelta=False) as opened:
        tree = opened.load()
    change(tree)
    tree.to_netcdf(path, engine="netcdf4")


def test_a_changed_number_is_refused(saved):
    def change(tree):
        tree["posterior/by_run"][0, 0, 0] += 1e-9

    edit(saved, change)
    with pytest.raises(CalibrationError, match="changed after it was saved"):
        read_archive(saved)


def test_a_changed_description_is_refused(saved):
    def change(tree):
        tree.attrs["bayesbio"] = tree.attrs["bayesbio"].replace("BatchCulture", "OtherCulture")

    edit(saved, change)
    with pytest.raises(CalibrationError, match="changed after it was saved"):
        read_archive(saved)


def test_a_newer_format_asks_for_an_update(saved):
    def change(tree):
        meta = json.loads(tree.attrs["bayesbio"])
        tree.attrs["bayesbio"] = json.dumps(meta | {"format": 99})

    edit(saved, change)
    with pytest.raises(CalibrationError, match="format 99; this version reads up to 1.*update"):
        read_archive(saved)


def test_a_file_says_what_it_holds_and_with_what_it_was_made(saved):
    card = archive_card(saved)
    assert card["kind"] == "calibration"
    assert card["content"]["note"] == "µ"
    assert card["versions"] == versions()
    assert card["lock_hash"] == lock_hash_of(versions())


def test_other_versions_have_another_hash_and_are_named():
    other = {**versions(), "numpy": "1.26"}
    assert lock_hash_of(other) != lock_hash_of(versions())
    assert changed_since(other).startswith("It was saved with numpy 1.26 (here ")
    assert changed_since(versions()) == ""


def test_a_file_saved_before_versions_were_kept_still_loads(saved, tree):
    def change(found):
        meta = json.loads(found.attrs["bayesbio"])
        described = json.loads(meta["described"])
        described = json.dumps(
            {name: described[name] for name in ("kind", "content", "attributes")}
        )
        bare = {node.path: _restored(node.to_dataset(inherit=False)) for node in found.subtree}
        made = {"format": 1, "described": described, "hash": content_hash(bare, described)}
        found.attrs["bayesbio"] = json.dumps(made)

    edit(saved, change)
    again, kind, _ = read_archive(saved)
    assert kind == "calibration"
    assert bits(again["posterior/rate"].values) == bits(tree["posterior/rate"].values)
    assert archive_card(saved)["versions"] == {}


def test_files_that_are_no_archive_say_so(tmp_path):
    with pytest.raises(CalibrationError, match="There is no file"):
        read_archive(tmp_path / "nothing.nc")
    text = tmp_path / "text.nc"
    text.write_text("run,time_h\nR1,0\n")
    with pytest.raises(CalibrationError, match="no netCDF-4 file"):
        read_archive(text)
    foreign = tmp_path / "foreign.nc"
    xr.Dataset({"a": 1.0}).to_netcdf(foreign, engine="netcdf4")
    with pytest.raises(CalibrationError, match="not one that bayesbio saved"):
        read_archive(foreign)


def test_what_cannot_be_stored_leaves_the_old_file(saved, tree, tmp_path):
    before = saved.read_bytes()
    with pytest.raises(CalibrationError, match="is not plain data"):
        write_archive(saved, tree, kind="calibration", content={"model": object()})
    assert saved.read_bytes() == before
    with pytest.raises(CalibrationError, match="could not be written"):
        write_archive(tmp_path / "no" / "folder.nc", tree, kind="calibration", content={})
    assert [path.name for path in tmp_path.iterdir()] == ["fit.nc"]


@pytest.fixture
def full_disk(tree, tmp_path, monkeypatch):
    """No room in the folder "full", some of the file written; room elsewhere."""
    to_netcdf = xr.DataTree.to_netcdf

    def write(self, path, **options):
        if path.parent.name == "full":
            path.write_bytes(b"half of it")
            raise OSError(errno.ENOSPC, "No space left on device")
        return to_netcdf(self, path, **options)

    folder = tmp_path / "full"
    folder.mkdir()
    monkeypatch.setattr(xr.DataTree, "to_netcdf", write)
    return folder


def test_a_full_disk_loses_nothing_and_the_sentence_says_where_it_is(
    full_disk, tree, tmp_path, monkeypatch
):
    (tmp_path / "room").mkdir()
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "room"))
    with pytest.raises(CalibrationError, match="No space left.*saved as '.*' instead") as raised:
        write_archive(full_disk / "fit.nc", tree, kind="calibration", content={})
    (rescued,) = (tmp_path / "room").iterdir()
    assert str(rescued) in str(raised.value) and not list(full_disk.iterdir())
    again, kind, _ = read_archive(rescued)
    assert kind == "calibration"
    assert bits(again["posterior/rate"].values) == bits(tree["posterior/rate"].values)


def test_disks_that_are_all_full_leave_the_old_file_and_a_sentence(full_disk, tree, monkeypatch):
    (full_disk / "fit.nc").write_bytes(b"of yesterday")
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(full_disk))
    with pytest.raises(CalibrationError, match="Nothing is lost while this process lives"):
        write_archive(full_disk / "fit.nc", tree, kind="calibration", content={})
    assert [each.name for each in full_disk.iterdir()] == ["fit.nc"]
    assert (full_disk / "fit.nc").read_bytes() == b"of yesterday"
