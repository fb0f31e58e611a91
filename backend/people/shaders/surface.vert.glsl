uniform int map;  // which shadow map is drawn, -1: the picture
layout(location = 0) in vec3 position;
layout(location = 1) in float share;
layout(location = 2) in vec3 normal;
layout(location = 3) in float part;
layout(location = 4) in vec4 colour;
layout(location = 5) in vec2 uv;
layout(location = 6) in vec3 movement;
layout(location = 7) in vec3 normal_movement;
out vec3 world, world_normal, shown;
out vec2 at;
flat out float its_part;

void main() {
    world = posed(position + movement, share);
    if (map >= 0) {
        gl_Position = to_shadow[map] * vec4(world, 1.0);
        return;
    }
    world_normal = turned(normal + normal_movement, share);
    shown = colour.rgb;
    at = uv;
    its_part = part;
    gl_Position = to_clip * vec4(world, 1.0);
}
