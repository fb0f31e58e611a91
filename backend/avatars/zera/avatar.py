"""The default avatar: the person's own pixels, lifted into the volume."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backend.avatars.file import contents_digest, write_limner
from backend.avatars.head_mesh import head_mesh
from backend.avatars.interface import Frame, FrameRequest, HeadMesh
from backend.avatars.zera.completion import Refinement, completion_network
from backend.avatars.zera.data import Canvas, HeadCanvas, Person, Reference, SkinAppearance
from backend.avatars.zera.relief import Shell
from backend.avatars.zera.render import PersonRenderer
from backend.avatars.zera.surface import PersonSurface, bake_texture
from backend.capture.image import Picture
from backend.networks.layer_completion import LayerCompletion
from shared.camera import Camera

PREVIEW_SIZE = 256
_HEAD_ARRAYS = ("neutral", "coefficients", "head_to_world")
_SKIN_ARRAYS = ("cosine", "fallback", "smooth", "iris", "eye_profile")
_SHELL_ARRAYS = ("vertices", "faces", "head_share", "bound_to", "bound_weight")
_CANVAS_PICTURES = ("skin", "hair", "body", "plate", "lids")


class ZeraAvatar:
    """A person lifted from one photograph or several; see ``backend.avatars.interface.Avatar``."""

    kind = "zera"

    def __init__(
        self,
        person: Person,
        picture: Picture | None,
        device: torch.device,
        completion: LayerCompletion | None = None,
        refinement: Refinement | None = None,
    ) -> None:
        self.person = person
        self.picture = picture
        self.refinement = refinement
        if completion is not None and refinement is not None:
            completion = refinement.applied(completion)
        self.completion = completion
        self._renderer = PersonRenderer(person, device, completion)

    @property
    def camera(self) -> Camera:
        """The photograph's camera, at the photograph's size."""
        return self.person.camera

    @property
    def coefficients(self) -> NDArray[np.float32]:
        """[52] The photograph's own expression."""
        return self.person.coefficients

    @property
    def neutral(self) -> NDArray[np.float32]:
        """[V, 3] The fitted head without expression, head frame."""
        return self.person.neutral

    @property
    def head_to_world(self) -> NDArray[np.float64]:
        """[4, 4] The head's pose in the photograph."""
        return self.person.head_to_world

    @property
    def person_mask(self) -> NDArray[np.float32]:
        """[H, W] the person's matte in the photograph, 0..1."""
        margin = self.person.canvas.margin
        return self.person.canvas.cut[margin:-margin, margin:-margin, 0].astype(np.float32) / 255

    @cached_property
    def fingerprint(self) -> str:
        """Of the person and the weights; the picture that they were made of plays no part in frames."""
        learned = {} if self.completion is None else self.completion.state_dict()
        return contents_digest(*self._parts, {name: tensor.cpu().numpy() for name, tensor in learned.items()})

    def render(self, request: FrameRequest) -> Frame:
        """Render one frame."""
        return self._renderer.render(request)

    def view(self, request: FrameRequest, side: int) -> tuple[Tensor, float]:
        """What the completion of a frame learns from; see ``PersonRenderer.view``."""
        return self._renderer.view(request, side)

    def without_completion(self) -> ZeraAvatar:
        """The same person of the photograph's pixels alone."""
        return ZeraAvatar(self.person, self.picture, self._renderer.device)

    def head_mesh(self) -> HeadMesh:
        """The fitted head and neck with 52 shape keys and a texture baked from the photograph."""
        return head_mesh(self.person.neutral, self.person.actions, bake_texture(self._renderer))

    def bounds(self, request: FrameRequest) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper corner in the world of the box that holds the person, metres."""
        return self._surface(request).bounds()

    def signed_distance(self, points: NDArray[np.floating], request: FrameRequest) -> NDArray[np.float32]:
        """[N, 3] world points, metres -> [N] signed distance to the person's surface, negative inside."""
        return self._surface(request).signed_distance(points)

    def surface_color(self, points: NDArray[np.floating], request: FrameRequest) -> NDArray[np.uint8]:
        """[N, 3] world points near the surface -> [N, 3] uint8 sRGB."""
        return self._surface(request).colour(points)

    def _surface(self, request: FrameRequest) -> PersonSurface:
        key = (
            None if request.coefficients is None else np.asarray(request.coefficients).tobytes(),
            np.asarray(request.rotation).tobytes(),
            np.asarray(request.location).tobytes(),
        )
        if getattr(self, "_surface_key", None) != key:
            self._surface_key, self._surface_made = key, PersonSurface(self._renderer, request)
        return self._surface_made

    def save(self, path: Path) -> None:
        """Write the ``.limner`` file."""
        description, tensors, pictures = self._parts
        pictures = {**pictures, "preview": self.render(FrameRequest(size=PREVIEW_SIZE)).rgba}
        if self.picture is not None:
            pictures["reference"] = self.picture.rgb
            reference = {"name": self.picture.path.name, "sha256": self.picture.sha256}
            description = {**description, "reference": reference}
        write_limner(Path(path), description, tensors, pictures, {})

    @property
    def _parts(self) -> tuple[dict[str, Any], dict[str, NDArray], dict[str, NDArray[np.uint8]]]:
        """The person as description, tensors and pictures."""
        person = self.person
        tensors = {f"person.{name}": np.asarray(getattr(person, name)) for name in _HEAD_ARRAYS}
        tensors["canvas.depth"] = person.canvas.depth
        tensors |= {f"skin.{name}": getattr(person.skin, name) for name in _SKIN_ARRAYS}
        for layer in ("hair", "body"):
            tensors |= {f"{layer}.{name}": getattr(getattr(person, layer), name) for name in _SHELL_ARRAYS}
        pictures = {f"canvas/{name}": getattr(person.canvas, name) for name in _CANVAS_PICTURES}
        pictures |= _masks("canvas", person.canvas)
        description: dict[str, Any] = {
            "kind": self.kind,
            "camera": person.canvas.camera.to_json(),
            "margin": person.canvas.margin,
            "iris_angle": person.skin.iris_angle,
        }
        for number, lender in enumerate(person.lenders, start=1):
            part = f"lender{number}"
            tensors |= {f"{part}.{name}": np.asarray(getattr(lender, name)) for name in _HEAD_ARRAYS}
            tensors[f"{part}.depth"] = lender.canvas.depth
            pictures |= {f"{part}/skin": lender.canvas.skin, **_masks(part, lender.canvas)}
        if self.refinement:
            description["refinement"] = {"base": self.refinement.base, "layers": sorted(self.refinement.factors)}
            for name, (up, down) in self.refinement.factors.items():
                tensors |= {f"refinement.{name}.up": up.numpy(), f"refinement.{name}.down": down.numpy()}
        if person.lenders:
            description["lenders"] = [lender.canvas.camera.to_json() for lender in person.lenders]
        return description, tensors, pictures

    @classmethod
    def from_parts(
        cls,
        description: Mapping[str, Any],
        tensors: Mapping[str, NDArray],
        pictures: Mapping[str, NDArray[np.uint8]],
        device: torch.device,
    ) -> ZeraAvatar:
        """The inverse of :meth:`save`; raises ``KeyError`` or ``ValueError`` where parts are missing."""
        canvas = Canvas(
            camera=Camera.from_json(description["camera"]),
            margin=int(description["margin"]),
            depth=tensors["canvas.depth"],
            cut=_cut("canvas", pictures),
            **{name: pictures[f"canvas/{name}"] for name in _CANVAS_PICTURES},
        )
        shells = {
            layer: Shell(**{name: tensors[f"{layer}.{name}"] for name in _SHELL_ARRAYS}) for layer in ("hair", "body")
        }
        skin = SkinAppearance(
            iris_angle=float(description["iris_angle"]), **{name: tensors[f"skin.{name}"] for name in _SKIN_ARRAYS}
        )
        lenders = []
        for number, camera in enumerate(description.get("lenders", ()), start=1):
            part = f"lender{number}"
            seen = HeadCanvas(
                camera=Camera.from_json(camera),
                skin=pictures[f"{part}/skin"],
                cut=_cut(part, pictures),
                depth=tensors[f"{part}.depth"],
            )
            lenders.append(Reference(canvas=seen, **{name: tensors[f"{part}.{name}"] for name in _HEAD_ARRAYS}))
        neutral, coefficients, head_to_world = (tensors[f"person.{name}"] for name in _HEAD_ARRAYS)
        person = Person(
            neutral, coefficients, head_to_world, canvas, skin, shells["hair"], shells["body"], tuple(lenders)
        )
        picture = None
        if "reference" in pictures:
            reference = description["reference"]
            picture = Picture(pictures["reference"], None, Path(reference["name"]), reference["sha256"],
                              (pictures["reference"].shape[1], pictures["reference"].shape[0]))  # fmt: skip
        return cls(person, picture, device, completion_network(), _refinement(description, tensors))


def _refinement(description: Mapping[str, Any], tensors: Mapping[str, NDArray]) -> Refinement | None:
    """What completion learned of the person, if it did."""
    if "refinement" not in description:
        return None
    factors = {}
    for name in description["refinement"]["layers"]:
        up, down = (torch.tensor(tensors[f"refinement.{name}.{which}"]) for which in ("up", "down"))
        if not bool(up.isfinite().all() and down.isfinite().all()):
            raise ValueError(f"refinement.{name} is not finite")
        factors[name] = (up, down)
    return Refinement(factors, description["refinement"]["base"])


def _masks(part: str, canvas: HeadCanvas) -> dict[str, NDArray[np.uint8]]:
    """A canvas's masks as pictures of a part of the file."""
    return {f"{part}/cut{index}": canvas.cut[..., index] for index in range(canvas.cut.shape[2])}


def _cut(part: str, pictures: Mapping[str, NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """The inverse of :func:`_masks`."""
    return np.stack([pictures[f"{part}/cut{index}"] for index in range(5)], axis=-1)
