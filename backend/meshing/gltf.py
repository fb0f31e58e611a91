"""glTF 2.0 in one binary file: texture, morph targets by name, and the animation of their weights and of the node."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial.transform import Rotation

from .model import Y_UP, Model, linear, vertex_normals

FLOAT, UNSIGNED_SHORT, UNSIGNED_INT = 5126, 5123, 5125
VERTICES, INDICES = 34962, 34963
UNMOVED = 1e-7  # metres


class _Buffer:
    """The binary part of the file and the JSON that describes it."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def view(self, raw: bytes, target: int | None = None) -> int:
        self.data += bytes(-len(self.data) % 4)
        view = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(raw)}
        self.views.append(view if target is None else {**view, "target": target})
        self.data += raw
        return len(self.views) - 1

    def accessor(
        self,
        array: NDArray[Any],
        kind: str,
        component: int = FLOAT,
        target: int | None = None,
        more: dict[str, Any] | None = None,
    ) -> int:
        """Index of a new accessor for [N] scalars or [N, C] vectors."""
        view = self.view(np.ascontiguousarray(array).tobytes(), target)
        self.accessors.append(
            {"bufferView": view, "componentType": component, "count": len(array), "type": kind, **(more or {})}
        )
        return len(self.accessors) - 1

    def sparse(self, offsets: NDArray[np.float32], moved: NDArray[np.intp], indices: int | None, **more: Any) -> int:
        """Index of an accessor that is zero but at ``moved``, whose numbers are in the view ``indices``."""
        accessor = {"componentType": FLOAT, "count": len(offsets), "type": "VEC3", **more}
        if indices is not None:
            accessor["sparse"] = {
                "count": len(moved),
                "indices": {"bufferView": indices, "componentType": UNSIGNED_INT},
                "values": {"bufferView": self.view(np.ascontiguousarray(offsets[moved]).tobytes())},
            }
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def write_glb(model: Model, path: Path) -> None:
    """Write a model; Z up becomes glTF's Y up, vertex colours become linear light."""
    buffer = _Buffer()
    normals = vertex_normals(model.vertices, model.faces)
    which, faces, uv = _split_at_seams(model)
    positions = _y_up(model.vertices[which])
    attributes = {
        "POSITION": buffer.accessor(positions, "VEC3", target=VERTICES, more=_extent(positions)),
        "NORMAL": buffer.accessor(_y_up(normals[which]), "VEC3", target=VERTICES),
    }
    material: dict[str, Any] = {"name": "Skin", "pbrMetallicRoughness": {"metallicFactor": 0, "roughnessFactor": 0.8}}
    document: dict[str, Any] = {"asset": {"version": "2.0", "generator": "Limner"}}
    if uv is not None and model.texture is not None:
        flipped = (uv * (1, -1) + (0, 1)).astype(np.float32)  # glTF counts from the top
        attributes["TEXCOORD_0"] = buffer.accessor(flipped, "VEC2", target=VERTICES)
        picture = io.BytesIO()
        Image.fromarray(model.texture).save(picture, "PNG")
        document["images"] = [
            {"name": model.name, "mimeType": "image/png", "bufferView": buffer.view(picture.getvalue())}
        ]
        document["samplers"] = [{"magFilter": 9729, "minFilter": 9987, "wrapS": 33071, "wrapT": 33071}]
        document["textures"] = [{"source": 0, "sampler": 0}]
        material["pbrMetallicRoughness"]["baseColorTexture"] = {"index": 0}
    elif model.colors is not None:
        light = np.ones((len(which), 4), np.float32)
        light[:, :3] = linear(model.colors[which])
        attributes["COLOR_0"] = buffer.accessor(
            np.round(light * 65535).astype(np.uint16), "VEC4", UNSIGNED_SHORT, VERTICES, {"normalized": True}
        )
    primitive: dict[str, Any] = {
        "attributes": attributes,
        "indices": buffer.accessor(faces.reshape(-1).astype(np.uint32), "SCALAR", UNSIGNED_INT, target=INDICES),
        "material": 0,
    }
    mesh: dict[str, Any] = {"name": model.name, "primitives": [primitive]}
    if model.shape_keys is not None:
        primitive["targets"] = [_target(buffer, model, normals, offsets, which) for offsets in model.shape_keys]
        mesh["extras"] = {"targetNames": list(model.key_names)}
        weights = np.zeros(len(model.key_names)) if model.weights is None else model.weights
        mesh["weights"] = [float(weight) for weight in weights]
    document |= {
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": model.name, "mesh": 0, **_node_pose(model.pose)}],
        "meshes": [mesh],
        "materials": [material],
    }
    if model.animation is not None:
        document["animations"] = [_animation(buffer, model)]
    document |= {
        "bufferViews": buffer.views,
        "accessors": buffer.accessors,
        "buffers": [{"byteLength": len(buffer.data)}],
    }
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    data = bytes(buffer.data) + bytes(-len(buffer.data) % 4)
    with path.open("wb") as file:
        file.write(struct.pack("<4sII", b"glTF", 2, 12 + 8 + len(text) + 8 + len(data)))
        file.write(struct.pack("<I4s", len(text), b"JSON") + text)
        file.write(struct.pack("<I4s", len(data), b"BIN\0") + data)


def _y_up(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    return (vectors @ Y_UP[:3, :3].T).astype(np.float32)


def _extent(positions: NDArray[np.float32]) -> dict[str, list[float]]:
    return {"min": positions.min(axis=0).tolist(), "max": positions.max(axis=0).tolist()}


def _split_at_seams(model: Model) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32] | None]:
    """[N] old vertex of every new one, [F, 3] faces of the new ones, [N, 2] their texture coordinates."""
    if model.uv is None:
        return np.arange(len(model.vertices)), model.faces.astype(np.intp), None
    corner = np.concatenate([model.faces.reshape(-1, 1), np.round(model.uv.reshape(-1, 2) * (1 << 20))], axis=1)
    _, first, number = np.unique(corner.astype(np.int64), axis=0, return_index=True, return_inverse=True)
    return model.faces.reshape(-1)[first], number.reshape(-1, 3), model.uv.reshape(-1, 2)[first]


def _target(
    buffer: _Buffer,
    model: Model,
    normals: NDArray[np.float32],
    offsets: NDArray[np.float32],
    which: NDArray[np.intp],
) -> dict[str, int]:
    """One morph target: what it adds to positions and normals, stored only where it moves anything."""
    turned = vertex_normals(model.vertices + offsets, model.faces) - normals
    moved_by, turned_by = _y_up(offsets[which]), _y_up(turned[which])
    moved = np.flatnonzero((np.abs(moved_by).max(axis=1) > UNMOVED) | (np.abs(turned_by).max(axis=1) > 1e-4))
    keep = np.zeros((len(which), 1), bool)
    keep[moved] = True
    moved_by = np.where(keep, moved_by, np.float32(0))
    indices = buffer.view(moved.astype(np.uint32).tobytes()) if len(moved) else None
    return {
        "POSITION": buffer.sparse(moved_by, moved, indices, **_extent(moved_by)),
        "NORMAL": buffer.sparse(turned_by, moved, indices),
    }


def _node_pose(pose: NDArray[np.float64]) -> dict[str, list[float]]:
    """A pose in the Z-up world as a node's translation and rotation."""
    turned = Y_UP @ pose @ Y_UP.T
    return {
        "translation": turned[:3, 3].tolist(),
        "rotation": Rotation.from_matrix(turned[:3, :3]).as_quat().tolist(),
    }


def _animation(buffer: _Buffer, model: Model) -> dict[str, Any]:
    assert model.animation is not None
    motion = model.animation
    times = (np.arange(len(motion.weights)) / motion.fps).astype(np.float32)
    poses = Y_UP @ motion.poses @ Y_UP.T
    turns = Rotation.from_matrix(poses[:, :3, :3]).as_quat().astype(np.float32)
    flips = np.cumprod(np.where((turns[1:] * turns[:-1]).sum(axis=1) < 0, -1.0, 1.0))  # the short way round
    turns[1:] *= flips[:, None].astype(np.float32)
    time = buffer.accessor(times, "SCALAR", more={"min": [float(times[0])], "max": [float(times[-1])]})
    outputs = {
        "weights": buffer.accessor(motion.weights.astype(np.float32).reshape(-1), "SCALAR"),
        "rotation": buffer.accessor(turns, "VEC4"),
        "translation": buffer.accessor(poses[:, :3, 3].astype(np.float32), "VEC3"),
    }
    return {
        "name": "Performance",
        "samplers": [{"input": time, "output": output, "interpolation": "LINEAR"} for output in outputs.values()],
        "channels": [{"sampler": number, "target": {"node": 0, "path": name}} for number, name in enumerate(outputs)],
    }
