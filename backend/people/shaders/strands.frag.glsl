in vec3 shade, world_normal;
in float cover;
flat in float its_part, chance;
layout(location = 0) out vec4 encoded;
layout(location = 1) out vec4 normal_part;

// A strand narrower than a sample is drawn a sample wide into its share of each pixel's samples, always the same ones:
// thin hair stays a line where coverage by chance would make it dots (stochastic transparency, Enderton et al. 2010)
void main() {
    ivec2 place = ivec2(gl_FragCoord.xy) & 1;
    int sample_index = (place.x ^ place.y) + 2 * place.y;  // neighbours in this order lie diagonally
    int rank = (sample_index + int(chance * 61.0)) & 3;
    if (float(rank) + fract(chance * 7.0) >= 4.0 * cover) discard;
    encoded = vec4(shade, 1.0);
    normal_part = vec4(world_normal * 0.5 + 0.5, its_part / 255.0);
}
