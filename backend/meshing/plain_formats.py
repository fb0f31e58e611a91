"""Wavefront OBJ and Stanford PLY: a still mesh with vertex colours or a texture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import trimesh
from PIL import Image

from .model import Y_UP, Model

DECIMALS = 6  # a micrometre


def write_ply(model: Model, path: Path) -> None:
    """Write binary PLY in the world, Z up, with normals and vertex colours; a texture is sampled at the vertices."""
    vertices, normals = model.still()
    mesh = trimesh.Trimesh(
        vertices, model.faces, vertex_normals=normals, vertex_colors=model.vertex_colors(), process=False
    )
    path.write_bytes(trimesh.exchange.ply.export_ply(mesh, vertex_normal=True))


def write_obj(model: Model, path: Path) -> None:
    """Write OBJ, with a material and its texture beside it where there is one, otherwise with vertex colours.

    OBJ says nothing about axes; it is written Y up, as Blender and most programs read it.
    """
    vertices, normals = (array @ Y_UP[:3, :3].T for array in model.still())
    lines = ["# Limner, metres, Y up"]
    if model.uv is not None and model.texture is not None:
        texture, library = f"{path.stem}_texture.png", f"{path.stem}.mtl"
        Image.fromarray(model.texture).save(path.with_name(texture))
        path.with_name(library).write_text(
            f"newmtl skin\nKd 1 1 1\nKs 0 0 0\nillum 1\nmap_Kd {texture}\n", encoding="utf-8"
        )
        places, number = np.unique(model.uv.reshape(-1, 2), axis=0, return_inverse=True)
        number = number.reshape(-1, 3)
        lines += [f"mtllib {library}", f"o {model.name}", "usemtl skin", *_rows("v", vertices), *_rows("vt", places)]
        lines += _rows("vn", normals)
        faces = np.stack([model.faces, number, model.faces], axis=-1) + 1
        lines += ["f " + " ".join(f"{v}/{t}/{n}" for v, t, n in face) for face in faces.tolist()]
    else:
        coloured = np.concatenate([vertices, model.vertex_colors() / 255.0], axis=1)
        lines += [f"o {model.name}", *_rows("v", coloured), *_rows("vn", normals)]
        lines += [f"f {a}//{a} {b}//{b} {c}//{c}" for a, b, c in (model.faces + 1).tolist()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _rows(keyword: str, values: np.ndarray) -> list[str]:
    pattern = keyword + f" %.{DECIMALS}g" * values.shape[1]
    return [pattern % tuple(row) for row in values.tolist()]
