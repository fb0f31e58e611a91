"""What needs no Blender: the backend process, the connection to it, jobs, cameras and colours. Never imports bpy."""
