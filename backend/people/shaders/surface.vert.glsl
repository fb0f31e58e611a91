uniform int map;  // which shadow map is drawn, -1: the picture
layout(location = 0) in vec3 position;
layout(location = 1) in float share;
layout(location = 2) in vec3 normal;
layout(location = 3) in float part;
layout(location = 4) in vec4 colour;
layout(location = 5) in vec2 uv;
layout(location = 6) in vec3 movement;
layout(location = 7) in vec3 normal_movement;
out vec4 normal_part;
out vec3 shown;
out vec2 at;

void main() {
    vec3 world = posed(position + movement, share);
    if (map >= 0) {
        gl_Position = to_shadow[map] * vec4(world, 1.0);
        return;
    }
    normal_part = vec4(turned(normal + normal_movement, share), part);
    shown = colour.rgb;
    at = uv;
    gl_Position = to_clip * vec4(world, 1.0);
}
