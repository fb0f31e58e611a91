in vec3 code;
layout(location = 0) out vec4 shown;
void main() { shown = vec4(code, 1.0); }
