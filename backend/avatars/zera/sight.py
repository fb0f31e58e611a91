"""What one photograph shows of the head model's surface, and how far that is to be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backend.avatars.zera.appearance import BESIDE_OUTLINE, MOUTH_REACH, outlines_around
from backend.avatars.zera.data import NO_SURFACE, Reference
from backend.avatars.zera.levels import AnyLevel, CanvasLevels, HeadLevel
from backend.avatars.zera.mouth import FEW_TEETH, LOWER_LIP, seen_teeth
from backend.capture.correspondence import correspondence
from backend.head.model import EYE_CAVITY, SKIN, head_model
from backend.head.normals import vertex_areas
from backend.nerf.images import look_up, smoothstep
from shared.arkit import ARKIT_INDEX

JAW_OPEN, MOUTH_IS_OPEN = ARKIT_INDEX["jawOpen"], 0.4
BORROWED_REACH = 0.003  # metres that things move until nothing is left on them of what the photograph shows there


@dataclass(frozen=True)
class Sighted:
    """What a photograph shows at places of the head.

    Args:
        colour: [N, 3] sRGB 0..1.
        cut: [N, 5] the masks of ``HeadCanvas.cut``.
        seen: [N, 1] whether the photograph sees the place: 0 where another part of the head hides it or where the
            photograph would have to be stretched too far.
        trust: [N, 1] the same without what is clothes or background there.
        kept: [N] how much stands inside the matte. Where the frame looks much less aslant than the photograph did, the
            outline is no outline and is not cut.
    """

    colour: Tensor
    cut: Tensor
    seen: Tensor
    trust: Tensor
    kept: Tensor

    def trusted(self, eye: Tensor, inside: Tensor, socket: Tensor) -> Tensor:
        """[N, 1] trust in the colours, by what the place belongs to: [N, 1] bool each; skin where to none of them."""
        eyes_seen, mouth_seen = self.cut[:, 1:2], self.cut[:, 2:3]
        # skin does not take the colours of what shows through lids and lips, nor the other way round
        on_skin = self.trust * (1 - smoothstep(0.6, 1.0, torch.maximum(eyes_seen, mouth_seen)))
        trust = torch.where(eye, smoothstep(0.1, 0.4, eyes_seen), on_skin)
        trust = torch.where(inside, smoothstep(0.1, 0.4, mouth_seen) * self.seen, trust)
        return torch.where(socket, self.seen, trust)


class Sight:
    """One photograph's view of the head, on one device.

    Args:
        reference: the photograph on the head model.
        faces: [F, 3] the head model's faces that are drawn.
        canvas: its pictures.
    """

    def __init__(self, reference: Reference, faces: NDArray[np.int32], canvas: CanvasLevels[AnyLevel]) -> None:
        self.reference = reference
        self.canvas = canvas
        self._faces = faces
        depth = reference.canvas.depth.astype(np.float32)
        outlines = outlines_around(np.where(depth < NO_SURFACE, depth, np.inf), reference.canvas)
        self._depth = canvas.tensor(np.stack([depth, np.minimum(outlines, NO_SURFACE)]))

    def at(self, places: Tensor, source_cosine: Tensor, cosine: Tensor, level: HeadLevel) -> Sighted:
        """What the photograph shows at places of the head.

        Args:
            places: [N, 3] world, in the photograph's pose.
            source_cosine: [N] of the angle at which the photograph sees them.
            cosine: [N] of the angle at which the frame sees them.
            level: the photograph's pictures.
        """
        at = self.canvas.places(places)
        depth = self.canvas.depths(places)
        behind = depth[:, None] - look_up(self._depth, at)
        hidden, beside = smoothstep(0.004, 0.01, behind[:, 0]), smoothstep(*BESIDE_OUTLINE, behind[:, 1])
        stretch = (source_cosine + 0.06).clamp(min=0) / (cosine + 0.06).clamp(min=0.06)
        seen = (1 - hidden) * smoothstep(0.15, 0.45, stretch)
        as_aslant = (1 - hidden) * smoothstep(0.5, 0.9, stretch)
        cut = look_up(level.cut, at)
        trust = seen * smoothstep(0.2, 0.7, cut[:, 0]) * (1 - smoothstep(0.3, 0.7, cut[:, 3]))
        trust = trust * (1 - beside * (1 - smoothstep(0.4, 0.8, stretch)))
        kept = 1 - as_aslant * (1 - smoothstep(0.05, 0.6, cut[:, 0]))
        return Sighted(look_up(level.skin, at), cut, seen[:, None], trust[:, None], kept)

    def dimmed(self, cosines: Tensor, vertices: NDArray[np.float64], travel: NDArray[np.floating]) -> Tensor:
        """Cosines of view [V, C] lowered where the photograph must not be seen as it would be without a pose.

        Args:
            cosines: of the angles at which the photograph sees the vertices.
            vertices: [V, 3] metres, world, posed.
            travel: [V] metres from where they are in the photograph, before the head turned.
        """
        # skin stretched to twice its area has little of the photograph to show
        spread = self.canvas.tensor(self._source_areas / (vertex_areas(vertices, self._faces) + 1e-12)).clamp(max=1)
        in_mouth = self.reference.model.in_mouth
        changed = np.where(in_mouth, np.maximum(travel, travel[_lower_lip()]), travel)
        leaving = self._borrowed * np.clip(changed / BORROWED_REACH, 0, 1)
        return cosines * spread[:, None] ** 1.5 * (1 - self.canvas.tensor(leaving)[:, None])

    @cached_property
    def _borrowed(self) -> NDArray[np.float64]:
        """[V] 1 where the photograph shows something else than what lies there, and must not move along with it.

        What shows between smiling lips are upper teeth, though the head model may have tongue or lower teeth there. If
        it does not even look like teeth, it is a slit's shade, or lips that the fit took for its inside.
        """
        model = self.reference.model
        borrowed = (model.region == EYE_CAVITY).astype(float)
        if self.reference.coefficients[JAW_OPEN] < MOUTH_IS_OPEN:
            rides_on_jaw = np.linalg.norm(model.actions[JAW_OPEN], axis=1) > 0.004
            borrowed[model.in_mouth & (rides_on_jaw if self._shows_teeth else True)] = 1
        return borrowed

    @cached_property
    def _shows_teeth(self) -> bool:
        """Whether what the photograph shows where the head model has upper teeth looks like teeth."""
        reference, model = self.reference, self.reference.model
        world = reference.to_world(reference.source_vertices)
        pixels = reference.canvas.camera.project(world)
        height, width = reference.canvas.cut.shape[:2]
        x, y = (np.clip(pixels[:, axis], 0, end - 1).astype(int) for axis, end in ((0, width), (1, height)))
        colour, mouth_seen = reference.canvas.skin[y, x] / 255, reference.canvas.cut[y, x, 2] / 255
        front = world[_lower_lip()] - world
        around = (model.region == SKIN) & (np.linalg.norm(front, axis=1) < MOUTH_REACH) & (mouth_seen < 0.1)
        return int(seen_teeth(colour, mouth_seen, np.percentile(colour[around], 75, axis=0)).sum()) > FEW_TEETH

    @cached_property
    def _source_areas(self) -> NDArray[np.float64]:
        """[V] square metres of the faces around each vertex in the photograph's pose."""
        return vertex_areas(self.reference.source_vertices, self._faces)


@lru_cache(maxsize=1)
def _lower_lip() -> int:
    """The vertex in the middle of the lower lip's inner rim."""
    model = head_model()
    middle = correspondence().on(model.mean)[LOWER_LIP[len(LOWER_LIP) // 2]]
    distance = np.linalg.norm(model.mean - middle, axis=1)
    return int(np.where(model.region == SKIN, distance, np.inf).argmin())
