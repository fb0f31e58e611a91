"""The iso-surface is closed, where it should be, and cheap."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from backend.meshing.isosurface import extract
from shared.errors import Cancelled, LimnerError

BOX = np.array([-0.2, -0.2, -0.2]), np.array([0.2, 0.2, 0.15])


def ball(points: np.ndarray, middle: tuple[float, float, float] = (0, 0, 0), radius: float = 0.1) -> np.ndarray:
    return (np.linalg.norm(points - np.float32(middle), axis=1) - radius).astype(np.float32)


def closed(vertices: np.ndarray, faces: np.ndarray) -> trimesh.Trimesh:
    """The mesh, after checking what every extracted surface must keep."""
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    assert mesh.is_watertight and mesh.is_winding_consistent
    assert mesh.volume > 0, "turned inside out"
    assert mesh.area_faces.min() > 0, "degenerate faces"
    assert len(np.unique(faces)) == len(vertices), "unused vertices"
    return mesh


@pytest.mark.parametrize("resolution", [17, 64, 130])
def test_a_ball_is_a_ball(resolution: int) -> None:
    mesh = closed(*extract(ball, *BOX, resolution))
    cell = 0.4 / resolution
    assert np.abs(np.linalg.norm(mesh.vertices, axis=1) - 0.1).max() < 0.1 * cell
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * 0.1**3, rel=3 * (cell / 0.1) ** 2)
    assert mesh.euler_number == 2


def test_only_the_neighbourhood_of_the_surface_is_evaluated() -> None:
    asked = 0

    def counted(points: np.ndarray) -> np.ndarray:
        nonlocal asked
        asked += len(points)
        return ball(points)

    extract(counted, *BOX, 192)
    assert asked < 0.15 * 192 * 192 * 168


def test_the_box_closes_what_it_cuts_with_a_flat_face() -> None:
    mesh = closed(*extract(lambda points: ball(points, (0, 0.0, -0.2)), *BOX, 64))
    flat = np.isclose(mesh.vertices[:, 2], -0.2, atol=1e-7)
    assert flat.sum() > 100
    assert mesh.bounds[0, 2] == pytest.approx(-0.2)
    assert mesh.volume == pytest.approx(2 / 3 * np.pi * 0.1**3, rel=0.01)


def test_a_body_that_fills_the_box_is_the_box() -> None:
    mesh = closed(*extract(lambda points: np.full(len(points), -1, np.float32), *BOX, 20))
    assert mesh.bounds == pytest.approx(np.stack(BOX))
    assert mesh.volume == pytest.approx(0.4 * 0.4 * 0.35, rel=1e-4)


def test_dust_and_hollows_are_left_out() -> None:
    def field(points: np.ndarray) -> np.ndarray:
        solid = np.minimum(ball(points), ball(points, (0.15, 0.15, 0.1), 0.008))
        return np.maximum(solid, -ball(points, radius=0.04))

    mesh = closed(*extract(field, *BOX, 96))
    assert mesh.body_count == 1
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * 0.1**3, rel=0.01)


def test_the_surface_is_followed_where_the_field_exaggerates_distance() -> None:
    # 6 times too steep: a coarse look alone takes blocks on the surface for far from it
    mesh = closed(*extract(lambda points: 6 * ball(points), *BOX, 128))
    assert mesh.euler_number == 2
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * 0.1**3, rel=0.01)


def test_noise_stays_watertight() -> None:
    random = np.random.default_rng(0)
    waves = random.normal(size=(20, 3)) * 60
    phases = random.uniform(0, 6, 20)

    def field(points: np.ndarray) -> np.ndarray:
        return (ball(points) + 0.02 * np.sin(points @ waves.T + phases).mean(axis=1)).astype(np.float32)

    closed(*extract(field, *BOX, 150))


def test_nothing_inside_is_refused() -> None:
    with pytest.raises(LimnerError, match="INTERNAL"):
        extract(lambda points: np.ones(len(points), np.float32), *BOX, 32)


def test_progress_rises_and_can_stop_the_work() -> None:
    seen: list[float] = []
    extract(ball, *BOX, 128, lambda fraction, stage: seen.append(fraction))
    assert seen == sorted(seen) and seen[0] >= 0 and seen[-1] <= 1 and len(seen) > 10

    def stop(fraction: float, stage: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        extract(ball, *BOX, 128, stop)
