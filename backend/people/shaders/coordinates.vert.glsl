layout(location = 0) in vec3 position;
layout(location = 1) in vec3 colour;
out vec3 code;
void main() {
    code = colour;
    gl_Position = to_clip * vec4(position, 1.0);
}
