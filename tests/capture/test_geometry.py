import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mavfer.capture.geometry import Intrinsics, RigidTransform
from mavfer.errors import CalibrationError

COLOR = Intrinsics(1920, 1080, 1060.0, 1058.0, 961.0, 541.0, (0.05, -0.09, 0.001, -0.0015, 0.03))
DEPTH = Intrinsics(512, 424, 366.0, 366.0, 256.5, 205.0, (0.09, -0.27, 0.0, 0.0, 0.095))

angles = st.floats(-np.pi, np.pi)
lengths = st.floats(-2000, 2000)
vectors = st.tuples(angles, angles, angles).map(lambda v: np.array(v) * 0.55)  # below half a turn
transforms = st.builds(
    lambda v, t: RigidTransform.from_rotation_vector(v, np.array(t)),
    vectors,
    st.tuples(lengths, lengths, lengths),
)


@pytest.mark.parametrize("camera", [COLOR, DEPTH])
def test_a_pixel_unprojected_and_projected_is_the_same_pixel(camera):
    px = np.random.default_rng(0).uniform((0, 0), (camera.width - 1, camera.height - 1), (500, 2))
    z_mm = np.random.default_rng(1).uniform(400, 4500, 500)
    xyz = camera.unproject(px, z_mm)
    np.testing.assert_allclose(xyz[:, 2], z_mm)
    np.testing.assert_allclose(camera.project(xyz), px, atol=1e-6)


def test_projection_without_distortion_is_the_pinhole_formula():
    camera = Intrinsics(640, 480, 500.0, 510.0, 320.0, 240.0)
    np.testing.assert_allclose(camera.project(np.array([100.0, -50.0, 1000.0])), [370.0, 214.5])
    np.testing.assert_allclose(camera.matrix @ [0.1, -0.05, 1.0], [370.0, 214.5, 1.0])


def test_scaling_a_point_along_its_ray_does_not_move_its_pixel():
    xyz = np.array([[120.0, 40.0, 900.0], [-300.0, 10.0, 1200.0]])
    np.testing.assert_allclose(COLOR.project(xyz), COLOR.project(2.5 * xyz))


def test_points_behind_the_camera_project_to_nan():
    assert np.isnan(COLOR.project(np.array([[0.0, 0.0, -500.0], [0.0, 0.0, 0.0]]))).all()


def test_undistort_undoes_distort():
    xy = np.random.default_rng(2).uniform(-0.6, 0.6, (300, 2))
    np.testing.assert_allclose(DEPTH.undistort(DEPTH.distort(xy)), xy, atol=1e-9)


def test_a_pixel_that_the_lens_model_reaches_only_folded_over_has_no_ray():
    folding = Intrinsics(100, 100, 50.0, 50.0, 50.0, 50.0, (-0.5, 0.0, 0.0, 0.0, 0.0))
    rays = folding.rays(np.array([[400.0, 400.0], [60.0, 60.0], [-9e5, 3.0]]))
    assert np.isnan(rays[[0, 2], :2]).all()
    np.testing.assert_allclose(folding.project(rays[1] * 800.0), [60.0, 60.0])


def test_the_ray_image_holds_the_rays_of_the_pixel_centers():
    small = Intrinsics(7, 5, 6.0, 6.0, 3.0, 2.0, (0.01, 0.0, 0.0, 0.0, 0.0))
    image = small.ray_image()
    assert image.shape == (5, 7, 3)
    np.testing.assert_allclose(image[4, 2], small.rays(np.array([2.0, 4.0])))


@given(transforms)
def test_a_transform_times_its_inverse_moves_nothing(b_from_a):
    for identity in (b_from_a @ b_from_a.inverse(), b_from_a.inverse() @ b_from_a):
        np.testing.assert_allclose(identity.rotation, np.eye(3), atol=1e-9)
        np.testing.assert_allclose(identity.translation_mm, 0, atol=1e-6)


@given(transforms, transforms)
def test_a_product_does_the_right_factor_first(c_from_b, b_from_a):
    xyz = np.array([[1.0, 2.0, 3.0], [-400.0, 20.0, 900.0]])
    np.testing.assert_allclose(
        (c_from_b @ b_from_a).apply(xyz), c_from_b.apply(b_from_a.apply(xyz)), atol=1e-6
    )


@given(transforms)
def test_a_rigid_transform_keeps_distances(b_from_a):
    xyz = np.array([[0.0, 0.0, 0.0], [300.0, -400.0, 1200.0]])
    moved = b_from_a.apply(xyz)
    assert np.linalg.norm(moved[1] - moved[0]) == pytest.approx(1300.0)


@given(vectors)
def test_the_angle_of_a_rotation_vector_is_its_length(vector):
    transform = RigidTransform.from_rotation_vector(vector, np.zeros(3))
    assert transform.angle_deg == pytest.approx(np.degrees(np.linalg.norm(vector)), abs=1e-5)


def test_the_identity_transform_moves_nothing():
    xyz = np.random.default_rng(3).normal(size=(4, 5, 3))
    np.testing.assert_array_equal(RigidTransform.identity().apply(xyz), xyz)


@pytest.mark.parametrize("rotation", [np.diag([1.0, 1.0, -1.0]), 2 * np.eye(3), np.ones((3, 3))])
def test_a_matrix_that_is_no_rotation_is_refused(rotation):
    with pytest.raises(CalibrationError, match="wanted a rotation matrix"):
        RigidTransform(rotation, np.zeros(3))


def test_a_rotation_of_the_wrong_shape_is_refused():
    with pytest.raises(CalibrationError, match=r"wanted a \(3, 3\) rotation"):
        RigidTransform(np.eye(4), np.zeros(3))


def test_a_transform_cannot_be_changed_through_the_array_it_was_made_of():
    translation = np.zeros(3)
    transform = RigidTransform(np.eye(3), translation)
    translation[0] = 5
    assert transform.translation_mm[0] == 0
    with pytest.raises(ValueError, match="read-only"):
        transform.translation_mm[0] = 1
