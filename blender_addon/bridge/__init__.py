"""Between Blender's data and the core: pump, images, meshes, actions, strips, cameras, handlers. No user interface."""
