"""Meshes out of arrays, and meshes out of files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bpy
import numpy as np

from ..shared.errors import LimnerError


def mesh_from_arrays(name: str, vertices: np.ndarray, faces: np.ndarray, uv: np.ndarray) -> bpy.types.Mesh:
    """A smooth-shaded triangle mesh with texture coordinates.

    Args:
        name: the mesh's name.
        vertices: [V, 3] float32 metres.
        faces: [F, 3] int triangles, counter-clockwise seen from outside.
        uv: [F, 3, 2] float32 texture coordinates of each triangle's corners, origin bottom left.
    """
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", np.ascontiguousarray(vertices, np.float32).ravel())
    mesh.loops.add(faces.size)
    mesh.loops.foreach_set("vertex_index", np.ascontiguousarray(faces, np.int32).ravel())
    mesh.polygons.add(len(faces))
    mesh.polygons.foreach_set("loop_start", np.arange(0, faces.size, 3, dtype=np.int32))
    layer = mesh.uv_layers.new(name="UVMap")
    layer.uv.foreach_set("vector", np.ascontiguousarray(uv, np.float32).ravel())
    mesh.shade_smooth()
    mesh.update(calc_edges=True)
    mesh.validate()
    return mesh


def add_shape_keys(head: bpy.types.Object, names: Sequence[str], vertices: np.ndarray, offsets: np.ndarray) -> None:
    """Give a mesh object one shape key per name, beside the basis.

    Args:
        head: the object.
        names: K names.
        vertices: [V, 3] the basis.
        offsets: [K, V, 3] what each key adds to it at value 1.
    """
    head.shape_key_add(name="Basis", from_mix=False)
    for name, offset in zip(names, offsets):
        key = head.shape_key_add(name=name, from_mix=False)
        key.data.foreach_set("co", np.ascontiguousarray(vertices + offset, np.float32).ravel())
    head.data.shape_keys.name = head.name


def textured_material(name: str, image: bpy.types.Image) -> bpy.types.Material:
    """A skin-like material that shows an image."""
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    shader = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Roughness"].default_value = 0.6
    texture = nodes.new("ShaderNodeTexImage")
    texture.image = image
    texture.location = (shader.location.x - 300, shader.location.y)
    links.new(texture.outputs["Color"], shader.inputs["Base Color"])
    nodes.active = texture  # what the solid viewport shows in texture mode
    return material


def import_mesh(path: Path) -> list[bpy.types.Object]:
    """Import a mesh file that the backend wrote; returns the new objects.

    Raises:
        LimnerError: ``FORMAT_UNKNOWN`` or ``FILE_NOT_FOUND``.
    """
    importers = {
        ".glb": lambda: bpy.ops.import_scene.gltf(filepath=str(path)),
        ".obj": lambda: bpy.ops.wm.obj_import(filepath=str(path)),
        ".ply": lambda: bpy.ops.wm.ply_import(filepath=str(path)),
        ".usdc": lambda: bpy.ops.wm.usd_import(filepath=str(path)),
    }
    if path.suffix.lower() not in importers:
        raise LimnerError("FORMAT_UNKNOWN", f"{path.name} is no mesh file that can be imported.",
                          f"Choose one of {', '.join(importers)}.")
    if not path.is_file():
        raise LimnerError("FILE_NOT_FOUND", f"{path} does not exist.", "Extract the mesh again.")
    before = set(bpy.data.objects)
    importers[path.suffix.lower()]()
    return [thing for thing in bpy.data.objects if thing not in before]
