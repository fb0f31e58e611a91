// The samples that surfaces and strands are drawn into, two by two a pixel
uniform sampler2D colours;  // albedo of surfaces, root of a quarter of the radiance of strands
uniform sampler2D normals;  // of 0 to 1; alpha: part / 255
uniform sampler2D depths;
layout(std140) uniform Parts {
    vec4 parts[PARTS];  // specular, roughness, subsurface, layer (16 more for strands)
};

ivec2 sample_at(int index) { return 2 * ivec2(gl_FragCoord.xy) + ivec2(index & 1, index >> 1); }

float metres(float depth) { return 2.0 * FAR * NEAR / (FAR + NEAR - (depth * 2.0 - 1.0) * (FAR - NEAR)); }
