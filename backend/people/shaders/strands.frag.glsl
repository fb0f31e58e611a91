in vec3 radiance, world_normal;
in float cover, side;
flat in float its_part, chance;
layout(location = 0) out vec4 encoded;
layout(location = 1) out vec4 normal_part;

// A strand narrower than a pixel is drawn a pixel wide into its share of the samples, always the same ones: thin hair
// stays a line where coverage by chance would make it dots (stochastic transparency, Enderton et al. 2010)
void main() {
    int count = int(cover * float(SAMPLES) + chance);
    int first = int(fract(chance * 61.0) * float(SAMPLES));
    int bits = (1 << count) - 1;
    gl_SampleMask[0] = ((bits << first) | (bits >> (SAMPLES - first))) & ((1 << SAMPLES) - 1);
    encoded = vec4(sqrt(clamp(radiance * 0.25, 0.0, 1.0)), 1.0);
    normal_part = vec4(normalize(world_normal), its_part);
}
