"""The rasteriser against the camera's own projection and against rays cast by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from backend.capture.graphics import FAR, NEAR
from backend.capture.rasteriser import Hits, Rasteriser, rasteriser
from shared.camera import Camera

TRIANGLE = np.array([[0, 1, 2]])


def camera(width: int = 97, height: int = 61, focal: float = 80.0, centre: tuple[float, float] | None = None) -> Camera:
    """A camera at the origin that looks along +Z, as OpenCV's do."""
    x, y = centre or (width / 2, height / 2)
    return Camera(np.array([[focal, 0, x], [0, focal, y], [0, 0, 1]]), np.eye(4), width, height)


def turned_camera() -> Camera:
    """Two focal lengths, a skew, a principal point far off the middle, turned and moved."""
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_euler("xyz", (0.2, -0.4, 0.7)).as_matrix()
    pose[:3, 3] = (0.05, -0.1, 1.3)
    return Camera(np.array([[310.0, 7, 31], [0, 260, 118], [0, 0, 1]]), pose, 203, 151)


def facing(view: Camera, triangles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Triangles [F, 3, 3] with their corners counter-clockwise as the camera sees them."""
    corners = view.project(triangles)[..., :2]
    (a, b) = (corners[:, 1] - corners[:, 0]), (corners[:, 2] - corners[:, 0])
    away = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0] > 0  # rows run downwards
    triangles[away] = triangles[away][:, ::-1]
    return triangles


def cast(view: Camera, triangles: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray, NDArray]:
    """Triangle [H, W], barycentric [H, W, 3] and depth [H, W] by casting rays through pixel centres."""
    shape = (view.height, view.width)
    triangle, barycentric, nearest = np.full(shape, -1), np.zeros((*shape, 3)), np.full(shape, np.inf)
    columns, rows = np.meshgrid(np.arange(view.width) + 0.5, np.arange(view.height) + 0.5)
    rays = np.stack([columns, rows, np.ones(shape)], axis=-1) @ np.linalg.inv(view.intrinsics).T
    corners = triangles @ view.world_to_camera[:3, :3].T + view.world_to_camera[:3, 3]
    for index, corner in enumerate(corners):
        weights = rays @ np.linalg.inv(corner)  # the ray is a mixture of the corners; its sum is 1 / depth
        depth = 1 / weights.sum(axis=-1)
        weights = weights * depth[..., None]
        nearer = (weights.min(axis=-1) >= 0) & (depth > 0) & (depth < nearest)
        triangle[nearer], barycentric[nearer], nearest[nearer] = index, weights[nearer], depth[nearer]
    return triangle, barycentric, nearest


def soup(view: Camera, count: int, seed: int = 0) -> NDArray[np.float64]:
    """Random triangles in front of the camera that intersect each other."""
    random = np.random.default_rng(seed)
    pixels = random.uniform((-20, -20), (view.width + 20, view.height + 20), (count, 1, 2))
    pixels = pixels + random.normal(0, 25, (count, 3, 2))
    depth = random.uniform(0.5, 2.5, (count, 3, 1))
    in_camera = np.concatenate([pixels, np.ones((count, 3, 1))], axis=-1) @ np.linalg.inv(view.intrinsics).T * depth
    world = (in_camera - view.world_to_camera[:3, 3]) @ view.world_to_camera[:3, :3]
    return facing(view, world)


def draw(view: Camera, triangles: NDArray[np.float64], cull_back: bool = True) -> Hits:
    vertices = triangles.reshape(-1, 3)
    return rasteriser().draw(vertices, np.arange(len(vertices)).reshape(-1, 3), view, cull_back)


@pytest.mark.parametrize("view", [camera(), turned_camera(), camera(64, 200, 55, (-10.0, 180.5))])
def test_it_agrees_with_rays_cast_by_hand(view: Camera) -> None:
    triangles = soup(view, 40)
    seen, (triangle, barycentric, depth) = draw(view, triangles), cast(view, triangles)
    same = seen.triangle == triangle
    assert same.mean() > 0.997  # pixels whose centres lie on an edge may go either way
    hit = same & (seen.triangle >= 0)
    assert hit.mean() > 0.3
    np.testing.assert_allclose(seen.depth[hit], depth[hit], rtol=2e-4)
    np.testing.assert_allclose(seen.barycentric[hit], barycentric[hit], atol=5e-3)
    assert np.isinf(seen.depth[seen.triangle < 0]).all()


def test_places_on_the_surface_project_to_their_own_pixels() -> None:
    view = turned_camera()
    triangles = soup(view, 30, seed=3)
    hits = draw(view, triangles)
    places = hits.interpolate(np.arange(90).reshape(-1, 3), triangles.reshape(-1, 3).astype(np.float32))
    row, column = np.nonzero(hits.triangle >= 0)
    projected = view.project(places[row, column].astype(float))
    np.testing.assert_allclose(projected[:, :2], np.stack([column, row], axis=1) + 0.5, atol=0.02)
    np.testing.assert_allclose(projected[:, 2], hits.depth[row, column], rtol=2e-4)


@pytest.mark.parametrize("cull_back", [True, False])
def test_values_alone_are_what_interpolation_gives(cull_back: bool) -> None:
    view = turned_camera()
    vertices = soup(view, 30, seed=4).reshape(-1, 3)
    vertices[:9] = vertices[:9].reshape(3, 3, 3)[:, ::-1].reshape(-1, 3)  # three show their backs
    faces = np.arange(90).reshape(-1, 3)[::-1]
    values = np.random.default_rng(0).uniform(-1, 1, (90, 3)).astype(np.float32)
    expected = rasteriser().draw(vertices, faces, view, cull_back).interpolate(faces, values, -3.0)
    made = rasteriser().draw_values(vertices, faces, values, view, -3.0, cull_back)
    assert made.dtype == np.float32 and made.flags.c_contiguous
    np.testing.assert_allclose(made, expected, atol=1e-3)
    assert (made == -3).all(axis=-1).any() and (made > -3).mean() > 0.05


def test_lists_and_pictures_of_hits_agree() -> None:
    hits = draw(camera(), soup(camera(), 12))
    shown = hits.triangle >= 0
    assert np.array_equal(hits.seen, np.flatnonzero(shown))
    assert np.array_equal(hits.seen_triangle, hits.triangle[shown])
    np.testing.assert_allclose(hits.seen_barycentric, hits.barycentric[shown], atol=1e-6)


def test_interpolation_is_perspective_correct() -> None:
    """Half-way in the picture between near and far is not half-way in space."""
    view = camera(101, 101, 100)
    near, far = 0.5, 2.0
    corners = np.array([[-0.3 * near, -0.4 * near, near], [0.3 * far, 0, far], [-0.3 * near, 0.4 * near, near]])
    hits = draw(view, facing(view, corners[None]))
    from_near = ((corners[:, 2:] - near) / (far - near)).astype(np.float32)
    share = hits.interpolate(TRIANGLE, from_near)[50, 50, 0]
    middle = 1 / (0.5 / near + 0.5 / far)
    assert share == pytest.approx((middle - near) / (far - near), abs=0.01)  # 0.2, where the picture's mean is 0.5
    assert hits.depth[50, 50] == pytest.approx(middle, rel=0.01)


def test_the_picture_is_neither_upside_down_nor_mirrored() -> None:
    view = camera(90, 60, 80)
    centre = np.array([[0.2, -0.1, 1.0]])  # right and up
    small = centre + np.array([[0, -0.04, 0], [-0.04, 0.02, 0], [0.04, 0.02, 0]])
    row, column = np.nonzero(draw(view, facing(view, small[None])).triangle == 0)
    np.testing.assert_allclose([column.mean() + 0.5, row.mean() + 0.5], view.project(centre)[0, :2], atol=0.6)


def test_backs_are_dropped_only_when_asked() -> None:
    view = camera()
    front = facing(view, np.array([[[-0.2, -0.2, 1], [0.2, -0.2, 1], [0, 0.2, 1.0]]]))
    back = front[:, ::-1] * 0.5  # nearer, seen from behind
    both = np.concatenate([back, front])
    assert set(np.unique(draw(view, both).triangle)) == {-1, 1}
    assert set(np.unique(draw(view, both, cull_back=False).triangle)) == {-1, 0}


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_the_nearer_triangle_wins_in_any_order(order: list[int]) -> None:
    view = camera()
    near = facing(view, np.array([[[-0.2, -0.2, 1], [0.2, -0.2, 1], [0, 0.2, 1.0]]]))
    pair = np.concatenate([near, near * 1.0005])  # half a millimetre behind at a metre
    hits = draw(view, pair[order])
    assert set(np.unique(hits.triangle)) == {-1, order.index(0)}


def test_counter_clockwise_from_outside_is_the_front() -> None:
    """A box around the origin, its faces wound as ``Hits`` asks, is seen whole from every side."""
    import trimesh

    box = trimesh.creation.box((0.2, 0.3, 0.4))
    for angles in np.random.default_rng(1).uniform(-3, 3, (6, 3)):
        pose = np.eye(4)
        pose[:3, :3], pose[2, 3] = Rotation.from_euler("xyz", angles).as_matrix(), 1.0
        view = Camera(np.array([[100.0, 0, 50], [0, 100, 50], [0, 0, 1]]), pose, 100, 100)
        culled, both = (rasteriser().draw(box.vertices, box.faces, view, cull) for cull in (True, False))
        assert (culled.triangle >= 0).sum() > 300
        assert (culled.triangle == both.triangle).mean() > 0.998
        inside_out = rasteriser().draw(box.vertices, box.faces[:, ::-1], view)
        shown = (culled.triangle >= 0) & (inside_out.triangle >= 0)
        assert (inside_out.depth[shown] > culled.depth[shown] - 1e-4).all()


def test_what_is_behind_or_too_near_or_too_far_is_not_drawn() -> None:
    view = camera()
    triangle = facing(view, np.array([[[-0.2, -0.2, 1], [0.2, -0.2, 1], [0, 0.2, 1.0]]]))
    for scale in (NEAR * 0.9, FAR * 1.1):
        assert (draw(view, triangle * scale, cull_back=False).triangle == -1).all()
    assert (draw(view, -triangle, cull_back=False).triangle == -1).all()
    for scale in (NEAR * 1.1, FAR * 0.9):
        assert (draw(view, triangle * scale).triangle == 0).any()


def test_a_triangle_through_the_camera_is_cut_at_the_near_plane() -> None:
    view = camera(101, 101, 100)
    floor = facing(view, np.array([[[-5, 0.5, 8.0], [5, 0.5, 8.0], [0, 0.5, -3.0]]]))
    hits = draw(view, floor, cull_back=False)
    shown = hits.triangle == 0
    assert shown[-1].mean() > 0.5 and not shown[:50].any()
    rows = np.nonzero(shown)[0] + 0.5
    np.testing.assert_allclose(hits.depth[shown], 0.5 * 100 / (rows - 50.5), rtol=2e-3)


def test_sizes_in_turn_do_not_disturb_each_other() -> None:
    views = [camera(64, 64), camera(301, 17), camera(1, 1, 1), camera(640, 480, 500)]
    first = [draw(view, soup(view, 20)) for view in views]
    for view, before in [*zip(views, first), *zip(views[::-1], first[::-1])]:
        again = draw(view, soup(view, 20))
        assert again.triangle.shape == (view.height, view.width)
        assert np.array_equal(again.triangle, before.triangle) and np.array_equal(again.depth, before.depth)
        assert np.array_equal(again.barycentric, before.barycentric)


def test_two_rasterisers_take_turns() -> None:
    view = camera()
    other = Rasteriser()
    vertices = soup(view, 10).reshape(-1, 3)
    faces = np.arange(30).reshape(-1, 3)
    first, second, third = (r.draw(vertices, faces, view) for r in (rasteriser(), other, rasteriser()))
    assert np.array_equal(first.depth, second.depth) and np.array_equal(first.depth, third.depth)


def test_any_array_will_do() -> None:
    view = camera()
    vertices = soup(view, 8).reshape(-1, 3)
    faces = np.arange(24).reshape(-1, 3)
    expected = rasteriser().draw(vertices, faces, view).triangle
    assert (expected >= 0).any()
    wide = np.repeat(vertices, 2, axis=0)[::2].astype(np.float32)
    for kind in (np.int32, np.uint32, np.int64):
        got = rasteriser().draw(np.asfortranarray(wide), np.asfortranarray(faces.astype(kind)), view).triangle
        assert (got == expected).mean() > 0.999


def test_attributes_may_be_double() -> None:
    view = camera()
    triangles = soup(view, 3)
    hits = draw(view, triangles)
    assert hits.interpolate(np.arange(9).reshape(-1, 3), triangles.reshape(-1, 3)).dtype == np.float32


def test_no_triangles_make_an_empty_picture() -> None:
    hits = rasteriser().draw(np.zeros((0, 3)), np.zeros((0, 3), np.int32), camera())
    assert (hits.triangle == -1).all() and np.isinf(hits.depth).all()
    values = hits.interpolate(np.zeros((0, 3), np.int32), np.zeros((0, 2), np.float32), fill=7)
    assert values.shape == (61, 97, 2) and (values == 7).all()


def test_many_triangles_keep_their_numbers() -> None:
    """Triangle numbers travel as floats: a quarter of a million of them must come back exact."""
    side = 512
    view = camera(side, side, side)
    columns, rows = np.meshgrid(np.arange(side), np.arange(side))
    middle = np.stack([columns.ravel() + 0.5 - side / 2, rows.ravel() + 0.5 - side / 2, np.full(side**2, side)], 1)
    corners = middle[:, None] + np.array([[0, -0.4, 0], [-0.4, 0.4, 0], [0.4, 0.4, 0]])
    hits = draw(view, corners / side)
    assert np.array_equal(hits.triangle.ravel(), np.arange(side * side))
