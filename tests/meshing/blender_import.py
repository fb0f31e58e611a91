"""Run inside bpy: import a mesh file the way a user would, print as JSON what is in the scene.

python blender_import.py FILE [FRAME ...]
"""

import json
import sys

import bpy
import numpy as np

IMPORTERS = {
    "glb": lambda path: bpy.ops.import_scene.gltf(filepath=path),
    "obj": lambda path: bpy.ops.wm.obj_import(filepath=path),
    "ply": lambda path: bpy.ops.wm.ply_import(filepath=path),
    "usdc": lambda path: bpy.ops.wm.usd_import(filepath=path),
}


def world_points(obj: bpy.types.Object) -> np.ndarray:
    """[N, 3] Vertices as the viewport shows them: shape keys, modifiers and animation applied."""
    evaluated = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = evaluated.to_mesh()
    points = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", points)
    matrix = np.array(evaluated.matrix_world)
    evaluated.to_mesh_clear()
    return points.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]


path, frames = sys.argv[1], [int(text) for text in sys.argv[2:]]
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.context.scene.render.fps = 25
IMPORTERS[path.rsplit(".", 1)[1]](path)
found = [obj for obj in bpy.data.objects if obj.type == "MESH" and not obj.name.startswith("Icosphere")]
obj = found[0]
keys = obj.data.shape_keys
report = {
    "meshes": [found.name for found in found],
    "polygons": len(obj.data.polygons),
    "keys": [key.name for key in keys.key_blocks] if keys else [],
    "uv": len(obj.data.uv_layers),
    "images": [list(image.size) for image in bpy.data.images if image.size[0]],
    "colors": [layer.name for layer in obj.data.color_attributes],
    "frames": {},
}
if obj.data.color_attributes:
    layer = obj.data.color_attributes[0]
    values = np.empty(len(layer.data) * 4, np.float32)
    layer.data.foreach_get("color_srgb", values)
    report["color_values"] = sorted(
        {tuple(row) for row in np.round(values.reshape(-1, 4)[:, :3] * 255).astype(int).tolist()}
    )
for frame in frames or [1]:
    bpy.context.scene.frame_set(frame)
    points = world_points(obj)
    report["frames"][str(frame)] = {
        "low": points.min(axis=0).tolist(),
        "high": points.max(axis=0).tolist(),
        "values": {key.name: key.value for key in keys.key_blocks if key.value} if keys else {},
    }
print("REPORT " + json.dumps(report))
