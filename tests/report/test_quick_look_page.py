from bayesbio.report import write_quick_look


def test_a_quick_look_is_labelled_as_a_first_impression(calibration, tmp_path):
    class Look:
        model, campaign, predict = calibration.model, calibration.campaign, calibration.predict
        label, converged, other_modes = "quick look, not a result", False, ()

        @staticmethod
        def summary():
            return calibration.summary()[["unit", "eti_50"]].rename(columns={"eti_50": "estimate"})

    page = write_quick_look(tmp_path / "look.html", Look()).read_text(encoding="utf-8")
    assert "quick look, not a result" in page and "did not converge" in page
    assert page.count("<img") == 3
