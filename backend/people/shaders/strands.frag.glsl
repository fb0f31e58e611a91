in vec3 shade, world_normal;
in float cover, side;
flat in float its_part, chance;
layout(location = 0) out vec4 encoded;
layout(location = 1) out vec4 normal_part;

// A strand narrower than a sample is drawn a sample wide into its share of each pixel's samples, always the same ones:
// thin hair stays a line where coverage by chance would make it dots (stochastic transparency, Enderton et al. 2010)
void main() {
    ivec2 place = ivec2(gl_FragCoord.xy) & 1;
    int sample_index = (place.x ^ place.y) + 2 * place.y;  // neighbours in this order lie diagonally
    int rank = (sample_index + int(chance * 61.0)) & 3;
    // a lock wide enough to be looked into shows lanes of hair, and frays at its sides
    float near = clamp(1.4 - 1.6 * fwidth(side), 0.0, 1.0);
    float whole = cover * (1.0 - near * smoothstep(0.45, 1.0, abs(side)));
    if (float(rank) + fract(chance * 7.0) >= 4.0 * whole) discard;
    float lane = fract(43758.5 * sin(12.99 * floor(side * 2.6 + chance * 37.0) + 78.2 * chance));
    encoded = vec4(shade * (1.0 + near * (0.5 * lane - 0.25)), 1.0);
    normal_part = vec4(world_normal * 0.5 + 0.5, its_part / 255.0);
}
