"""Frames of a ``zera`` person: rasterise the posed surfaces, look their colours up in the photograph, composite.

Every surface a ray meets becomes one sample of the volume: where it lies in the photograph's space is carried over from
the posed surface by barycentric coordinates, its opacity is that of a thin band of density (``nerf.volume_rendering``).
"""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backend.avatars.interface import Frame, FrameRequest
from backend.avatars.zera.appearance import eye_directions, on_upper_rims, vertex_areas, vertex_normals
from backend.avatars.zera.data import EYE_PROFILE_REACH, Canvas, Person
from backend.avatars.zera.relief import Shell
from backend.capture.rasteriser import rasteriser
from backend.compositing.layers import Samples, cover, merge, over, to_bytes
from backend.head.model import EYE, EYE_CAVITY, GUM, MOUTH_CAVITY, NECK_BEGINS, TEETH, TONGUE, bend
from backend.nerf.images import look_up, project, smoothstep
from backend.nerf.volume_rendering import surface_opacity
from shared.arkit import ARKIT_INDEX
from shared.camera import Camera

LID_RIM = 0.0022  # metres: how far eyeball and lashes may reach into the photograph of an upper lid
LEVELS_KEPT = 3
JAW_OPEN, MOUTH_IS_OPEN = ARKIT_INDEX["jawOpen"], 0.4
FIRST_REFERENCE = np.array([0.90, 0.62, 0.0])  # its colour in the mixer pass
HEAD_BAND, SHELL_BAND = 20.0, 12.0  # how far into a grazing angle surfaces stay solid


class _Level:
    """The canvas's pictures at one scale, [C, H, W] in 0..1: small frames must not sample large pictures sparsely."""

    def __init__(self, canvas: Canvas, scale: float, device: torch.device) -> None:
        self.scale = scale
        size = (round(canvas.camera.width * scale), round(canvas.camera.height * scale))

        def picture(pixels: NDArray[np.uint8]) -> Tensor:
            if scale < 1:
                # channel by channel: OpenCV averages at most four at once
                channels = [cv2.resize(channel, size, interpolation=cv2.INTER_AREA) for channel in cv2.split(pixels)]
                pixels = np.stack(channels, axis=-1)
            return torch.tensor(pixels, device=device).permute(2, 0, 1).contiguous().float() / 255

        self.skin, self.hair, self.body = picture(canvas.skin), picture(canvas.hair), picture(canvas.body)
        self.plate, self.cut = picture(canvas.plate), picture(canvas.cut)


class PersonRenderer:
    """A person's constant tensors on one device, and frames of it."""

    def __init__(self, person: Person, device: torch.device) -> None:
        self.person = person
        self.device = device
        canvas = person.canvas
        self._levels: dict[float, _Level] = {}
        self._level = self._level_at(1.0)
        self._depth = self._tensor(canvas.depth)[None]
        size = np.array([canvas.camera.width, canvas.camera.height, 1.0])
        self._intrinsics = self._tensor(canvas.camera.intrinsics / size[:, None])  # to shares of the canvas
        self._world_to_camera = self._tensor(canvas.camera.world_to_camera)
        self._eye_profile = self._tensor(person.skin.eye_profile).T[:, None]
        self._shell_source = {
            id(shell): self._tensor(person.to_world(shell.vertices)) for shell in (person.hair, person.body)
        }

    def _tensor(self, values: NDArray) -> Tensor:
        return torch.tensor(values, dtype=torch.float32, device=self.device)

    @cached_property
    def _head_faces(self) -> NDArray[np.int32]:
        """The head model's faces down to the neck; the torso is the body shell's."""
        model = self.person.model
        return model.faces[(model.head_share[model.faces] > NECK_BEGINS).all(axis=1)]

    @cached_property
    def head_attributes(self) -> Tensor:
        """[V, 20] constant attributes: source place, mirrored place, their cosines of view, fallback,
        direction from the iris, whether it is eyeball, inside of the mouth, or eye socket, and the smooth colours
        of the other side of the face.
        """
        person, model = self.person, self.person.model
        source = person.to_world(person.source_vertices)
        skin = person.skin
        directions = eye_directions(model, person.neutral)
        is_eye = model.region == EYE
        inside = np.isin(model.region, (MOUTH_CAVITY, TONGUE, TEETH, GUM))
        irises = np.where(model.mean[:, :1] < 0, skin.iris[0], skin.iris[1])
        columns = [
            source,
            source[model.mirror],
            skin.cosine[:, None],
            skin.cosine[model.mirror][:, None],
            skin.fallback,
            directions - irises * is_eye[:, None],
            is_eye[:, None],
            inside[:, None],
            (model.region == EYE_CAVITY)[:, None],
            skin.smooth[model.mirror],
        ]
        return self._tensor(np.concatenate([np.asarray(column, np.float32) for column in columns], axis=1))

    def posed(
        self, request: FrameRequest
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], dict[int, NDArray[np.float64]]]:
        """A request's vertices in the world: the head model's [V, 3], how far expression moved them, shells' by id."""
        person, model = self.person, self.person.model
        coefficients = person.coefficients if request.coefficients is None else np.asarray(request.coefficients)
        expressed = person.expressed(coefficients)
        moved = expressed - person.source_vertices
        head = bend(expressed, model.head_share, request.rotation, request.location)
        shells = {}
        for shell in (person.hair, person.body):
            vertices = shell.vertices + shell.bound_weight[:, None] * moved[shell.bound_to]
            shells[id(shell)] = person.to_world(bend(vertices, shell.head_share, request.rotation, request.location))
        return person.to_world(head), np.linalg.norm(moved, axis=1), shells

    def render(self, request: FrameRequest) -> Frame:
        """Render one frame; see ``backend.avatars.interface``."""
        camera = fitted(request.camera or self.person.camera, request.size)
        self._choose_level(camera, exact=request.camera is None)
        head, travel, shells = self.posed(request)
        final = request.quality == "final"
        surfaces = [[self._head_samples(head, travel, camera)]]
        for shell, picture in ((self.person.hair, self._level.hair), (self.person.body, self._level.body)):
            vertices = shells[id(shell)]
            surfaces.append(self._shell_samples(shell, vertices, picture, camera, final))
        height, width = camera.height, camera.width
        head_surfaces, torso = surfaces[0] + surfaces[1], surfaces[2]
        person = merge(head_surfaces + torso, height * width)
        rgba = to_bytes(over(person, self._backdrop(request, camera)), height, width)
        extra = {}
        if (
            "head" in request.passes
        ):  # where the torso hides the head it is cut out, so that head over torso is the whole
            extra["head"] = to_bytes(over(merge(head_surfaces, height * width, torso), None), height, width)
        if "torso" in request.passes:
            extra["torso"] = to_bytes(over(merge(torso, height * width), None), height, width)
        if "mixer" in request.passes:  # one reference: all of the person comes from it
            extra["mixer"] = to_bytes(person.alpha[:, None] * self._tensor(FIRST_REFERENCE), height, width)
        depth = person.depth.reshape(height, width).cpu().numpy() if "depth" in request.passes else None
        return Frame(rgba, depth, **extra)

    def _backdrop(self, request: FrameRequest, camera: Camera) -> Tensor | None:
        """[P, 3] what stands behind the person; the photograph's plate only fits the photograph's camera."""
        pixels = camera.height * camera.width
        if isinstance(request.background, np.ndarray):
            if request.background.ndim == 1:
                return self._tensor(request.background).expand(pixels, 3) / 255
            return self._tensor(cover(request.background, camera.height, camera.width)).reshape(pixels, 3) / 255
        if request.background == "keep" and request.camera is None:
            return self._plate_at(camera)
        return None

    def surfaces(self, request: FrameRequest) -> list[tuple[NDArray, NDArray, NDArray, NDArray]]:
        """Posed surfaces in the world: vertices [V, 3], faces [F, 3], colours [V, 3] and opacity [V] of each."""
        self.look_closely()
        head, _, shells = self.posed(request)
        colour, opacity = self.skin_colour(self.head_attributes, torch.ones(len(head), device=self.device))
        found = [(head, self._head_faces, colour.cpu().numpy(), opacity.cpu().numpy())]
        for shell, picture in ((self.person.hair, self._level.hair), (self.person.body, self._level.body)):
            at = project(self._shell_source[id(shell)], self._intrinsics, self._world_to_camera)
            rgba = look_up(picture, at).cpu().numpy()
            found.append((shells[id(shell)], shell.faces, rgba[:, :3], rgba[:, 3]))
        return found

    def look_closely(self) -> None:
        """Colours from now on come from the photograph's full resolution, until the next frame."""
        self._level = self._level_at(1.0)

    def _choose_level(self, camera: Camera, exact: bool) -> None:
        """Make the canvas's pictures as coarse as the frame; in steps of root two but for the photograph's camera."""
        canvas = self.person.canvas.camera
        distance = float(camera.world_to_camera[2] @ np.array([0, 0, 0, 1.0]))
        scale = (camera.intrinsics[0, 0] / max(distance, 0.05)) / (
            canvas.intrinsics[0, 0] / canvas.world_to_camera[2, 3]
        )
        if not exact:
            scale = 2.0 ** (np.ceil(2 * np.log2(scale)) / 2)
        self._level = self._level_at(float(np.clip(scale, 0.02, 1.0)))

    def _level_at(self, scale: float) -> _Level:
        """The pictures at a scale; the last few are kept."""
        level = self._levels.pop(scale, None) or _Level(self.person.canvas, scale, self.device)
        self._levels[scale] = level
        while len(self._levels) > LEVELS_KEPT:
            self._levels.pop(next(iter(self._levels)))
        return level

    def _plate_at(self, camera: Camera) -> Tensor:
        """[H W, 3] the background plate as the photograph's camera sees it at the frame's size."""
        rows, columns = torch.meshgrid(
            torch.arange(camera.height, device=self.device) + 0.5,
            torch.arange(camera.width, device=self.device) + 0.5,
            indexing="ij",
        )
        own, canvas, margin = self.person.camera, self.person.canvas.camera, self.person.canvas.margin
        pixels = torch.stack(
            [columns.flatten() * own.width / camera.width, rows.flatten() * own.height / camera.height]
        )
        return look_up(self._level.plate, (pixels.T + margin) / pixels.new_tensor([canvas.width, canvas.height]))

    def _hits(
        self, vertices: NDArray, normals: NDArray, faces: NDArray, camera: Camera, attributes: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Pixels [N], depth [N], interpolated attributes [N, C] and cosine of the angle of view [N] of a mesh."""
        hits = rasteriser().draw(vertices, faces, camera)
        corners = torch.as_tensor(faces[hits.seen_triangle].astype(np.int64), device=self.device)
        weights = self._tensor(hits.seen_barycentric)
        to_camera = camera.position - vertices
        to_camera /= np.linalg.norm(to_camera, axis=1, keepdims=True)
        cosines = self._tensor((normals * to_camera).sum(axis=1, keepdims=True))
        everything = torch.cat([attributes, cosines], dim=1)
        found = everything[corners[:, 0]] * weights[:, :1]
        found += everything[corners[:, 1]] * weights[:, 1:2]
        found += everything[corners[:, 2]] * weights[:, 2:]
        pixel = torch.as_tensor(hits.seen, device=self.device)
        depth = self._tensor(hits.depth.reshape(-1)[hits.seen])
        return pixel, depth, found[:, :-1], found[:, -1].clamp(0, 1)

    def _shell_samples(
        self, shell: Shell, vertices: NDArray, picture: Tensor, camera: Camera, final: bool
    ) -> list[Samples]:
        """The front sheet's samples and, in final frames, the back sheet's, which little of is ever seen."""
        half = len(shell.faces) // 2
        normals = vertex_normals(vertices, shell.faces)
        source = self._shell_source[id(shell)]
        samples = []
        for back, faces in ((False, shell.faces[:half]), (True, shell.faces[half:]))[: 1 + final]:
            pixel, depth, places, cosine = self._hits(vertices, normals, faces, camera, source)
            found = look_up(picture, project(places, self._intrinsics, self._world_to_camera))
            opacity = smoothstep(0.6, 0.95, found[:, 3]) if back else found[:, 3]
            samples.append(Samples(pixel, depth, found[:, :3], opacity * surface_opacity(cosine, SHELL_BAND)))
        return samples

    def _head_samples(self, vertices: NDArray, travel: NDArray, camera: Camera) -> Samples:
        """Samples of the head model posed as [V, 3], whose vertices' expression moved them by ``travel`` [V] metres."""
        attributes = self.head_attributes.clone()
        # skin stretched to twice its area has little of the photograph to show
        spread = self._tensor(self._source_areas / (vertex_areas(vertices, self._head_faces) + 1e-12)).clamp(max=1)
        attributes[:, 6:8] *= spread[:, None] ** 1.5
        leaving = self._borrowed * np.clip(travel / 0.003, 0, 1)
        attributes[:, 6:8] *= 1 - self._tensor(leaving)[:, None]
        normals = vertex_normals(vertices, self._head_faces)
        pixel, depth, found, cosine = self._hits(vertices, normals, self._head_faces, camera, attributes)
        colour, on_person = self.skin_colour(found, cosine)
        # only the outline is soft: behind the edge of the nose lies the cheek, which this one hit a pixel does not hold
        covered = torch.zeros(camera.height * camera.width, dtype=torch.uint8, device=self.device)
        covered[pixel] = 1
        inner = cv2.erode(covered.reshape(camera.height, camera.width).cpu().numpy(), np.ones((3, 3), np.uint8))
        solid = torch.as_tensor(inner.reshape(-1), device=self.device)[pixel] > 0
        opacity = torch.where(solid, 1.0, surface_opacity(cosine, HEAD_BAND))
        return Samples(pixel, depth, colour, opacity * on_person)

    @cached_property
    def _borrowed(self) -> NDArray[np.float64]:
        """[V] 1 where the photograph shows something else than what lies there, and must not move along with it.

        The rim of an open upper lid shows eyeball and lashes; what shows between smiling lips are upper teeth, though
        the head model may have tongue or lower teeth there.
        """
        model = self.person.model
        borrowed = np.maximum(on_upper_rims(model, LID_RIM), model.region == EYE_CAVITY)
        if self.person.coefficients[JAW_OPEN] < MOUTH_IS_OPEN:
            rides_on_jaw = np.linalg.norm(model.actions[JAW_OPEN], axis=1) > 0.004
            borrowed[np.isin(model.region, (TONGUE, TEETH, GUM)) & rides_on_jaw] = 1
        return borrowed

    @cached_property
    def _source_areas(self) -> NDArray[np.float64]:
        return vertex_areas(self.person.source_vertices, self._head_faces)

    def skin_colour(self, found: Tensor, cosine: Tensor) -> tuple[Tensor, Tensor]:
        """Colours of places on the head model.

        Args:
            found: [N, 20] interpolated ``head_attributes``.
            cosine: [N] of the angle of the view that wants the colour.

        Returns:
            [N, 3] sRGB 0..1, and [N] how much of it belongs to the person at all: what the photograph shows as
            background is cut away.
        """
        fallback, off_iris = found[:, 8:11], found[:, 11:14]
        eye, inside, socket = (found[:, column : column + 1] > 0.5 for column in (14, 15, 16))
        shown, cut, sees_it, trust = self._photographed(found[:, :3], found[:, 6], cosine)
        shown_mirror, _, _, by_mirror = self._photographed(found[:, 3:6], found[:, 7], cosine)
        eyes_seen, mouth_seen = cut[:, 1:2], cut[:, 2:3]
        # skin does not take the colours of what shows through lids and lips, nor the other way round
        on_skin = trust * (1 - smoothstep(0.6, 1.0, torch.maximum(eyes_seen, mouth_seen)))
        trust = torch.where(eye, smoothstep(0.1, 0.4, eyes_seen), on_skin)
        trust = torch.where(inside, smoothstep(0.1, 0.4, mouth_seen) * sees_it, trust)
        trust = torch.where(socket, sees_it, trust)
        own = self._eye_colour(off_iris) if bool(eye.any()) else fallback
        stand_in = torch.where(eye, own, fallback)
        by_mirror = by_mirror * ~(eye | inside | socket)
        # the other side of the face lends its detail, not its light
        detail = ((shown_mirror + 0.05) / (found[:, 17:20] + 0.05)).clamp(0.75, 1.25)
        stand_in = stand_in * (1 + by_mirror * (detail - 1))
        colour = trust * shown + (1 - trust) * stand_in
        # where this view looks at the outline much less aslant than the photograph did, the outline is not cut
        return colour, cut[:, 4] * (1 - sees_it[:, 0] * (1 - smoothstep(0.05, 0.6, cut[:, 0])))

    def _photographed(
        self, places: Tensor, source_cosine: Tensor, cosine: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What the photograph shows at places of the head.

        Args:
            places: [N, 3] world, in the photograph's pose.
            source_cosine: [N] of the angle at which the photograph sees them.
            cosine: [N] of the angle at which the frame sees them.

        Returns:
            [N, 3] colours, [N, 5] the masks of ``Canvas.cut`` there, [N, 1] whether the photograph sees the place: 0
            where another part of the head hides it or where the photograph would have to be stretched too far, and
            [N, 1] the same without what is clothes or background there.
        """
        at = project(places, self._intrinsics, self._world_to_camera)
        depth = places @ self._world_to_camera[2, :3]
        surface = look_up(self._depth, at)[:, 0]
        hidden = smoothstep(0.004, 0.01, depth - surface)
        stretch = (source_cosine + 0.06).clamp(min=0) / (cosine + 0.06).clamp(min=0.06)
        seen = (1 - hidden) * smoothstep(0.15, 0.45, stretch)
        cut = look_up(self._level.cut, at)
        trust = seen * smoothstep(0.2, 0.7, cut[:, 0]) * (1 - smoothstep(0.3, 0.7, cut[:, 3]))
        return look_up(self._level.skin, at), cut, seen[:, None], trust[:, None]

    def _eye_colour(self, off_iris: Tensor) -> Tensor:
        """[N, 3] colour of eyeballs by angle from the iris; ``off_iris`` [N, 3] is direction minus iris direction."""
        chord = off_iris.norm(dim=1).clamp(max=1.99)
        radius = 2 * torch.asin(chord / 2) / self.person.skin.iris_angle
        place = torch.stack([radius / EYE_PROFILE_REACH, torch.full_like(radius, 0.5)], 1)
        return look_up(self._eye_profile, place)


def fitted(camera: Camera, size: int) -> Camera:
    """The camera at a picture size whose longer side is ``size`` pixels, both sides even."""
    scale = size / max(camera.width, camera.height)
    return camera.resized(max(2, 2 * round(camera.width * scale / 2)), max(2, 2 * round(camera.height * scale / 2)))
