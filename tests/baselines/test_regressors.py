import numpy as np
from numpy.testing import assert_allclose

from bayesbio.baselines.regressors import (
    LatentComponents,
    LocalSize,
    MeanCourse,
    OnSplines,
    jackknife_draws,
)


def test_partial_least_squares_agrees_with_scikit_learn():
    from sklearn.cross_decomposition import PLSRegression

    rng = np.random.default_rng(6)
    features, target = rng.normal(size=(30, 5)), rng.normal(size=30)
    for number in (1, 3, 5):
        peer = PLSRegression(number, scale=False).fit(features, target).predict(features)
        ours = LatentComponents(number).fit(features, target).predict(features)
        assert_allclose(ours, peer.ravel(), rtol=1e-8)


def test_the_mean_course_is_the_mean_over_the_runs_that_lasted():
    course = MeanCourse(np.array([0, 0, 1, 1]))
    course.fit(np.array([[0.0], [48.0], [0.0], [24.0]]), np.array([0.0, 4.0, 2.0, 4.0]))
    assert_allclose(course.predict(np.array([[0.0], [12.0], [36.0], [60.0]])), [1.0, 2.0, 3.0, 4.0])


def test_splines_fit_a_cubic_times_a_feature_exactly():
    rng = np.random.default_rng(1)
    rows = np.column_stack([np.linspace(0.0, 10.0, 60), rng.normal(size=60)])
    target = (rows[:, 0] - 4.0) ** 3 + 2.0 * rows[:, 1] - 0.3 * rows[:, 1] * rows[:, 0]
    fitted = OnSplines(rows[:, 0], LatentComponents(12)).fit(rows, target)
    assert_allclose(fitted.predict(rows), target, atol=1e-4 * np.ptp(target))


def test_jackknife_draws_are_predictions_plus_residuals_that_the_member_did_not_see():
    members = [(np.array([1.0, 2.0]), np.array([0.5])), (np.array([3.0, 4.0]), np.array([-0.5]))]
    drawn = jackknife_draws(
        members, size=np.array([1.0, 2.0]), degrees_of_freedom=10**9,
        rng=np.random.default_rng(2),
    )  # fmt: skip
    assert_allclose(np.unique(drawn[:, 0].round(3)), [1.5, 2.5])
    assert_allclose(np.unique(drawn[:, 1].round(3)), [3.0])
    assert np.sum(drawn[:, 0] > 2.0) == 500  # every member as often


def test_the_local_size_follows_residuals_that_grow_in_time():
    time = np.linspace(0.0, 100.0, 201)
    size = LocalSize(time, 1.0 + 0.05 * time)
    assert_allclose(size(np.array([50.0])), 3.5, rtol=1e-6)
    assert_allclose(size(np.array([1e3])), size(np.array([100.0])))
