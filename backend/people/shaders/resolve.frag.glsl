// What each pixel shows: shares of the layers, and the nearest sample's normal and depth
layout(location = 0) out vec4 seen;
layout(location = 1) out vec4 layers_0;
layout(location = 2) out vec4 layers_4;
layout(location = 3) out vec4 layers_8;

void main() {
    float layers[12];
    for (int i = 0; i < 12; ++i) layers[i] = 0.0;
    seen = vec4(0.0);
    float nearest = 1.0, nearest_surface = 1.0, nearest_strand = 1.0, strands = 0.0;
    for (int s = 0; s < SAMPLES; ++s) {
        ivec2 at = sample_at(s);
        vec4 normal_part = texelFetch(normals, at, 0);
        vec4 part = parts[int(normal_part.w * 255.0 + 0.5)];
        float depth = texelFetch(depths, at, 0).r;
        layers[int(part.w) & 15] += 1.0 / float(SAMPLES);
        if (depth < nearest) {
            nearest = depth;
            seen = vec4(normalize(normal_part.xyz * 2.0 - 1.0), metres(depth));
        }
        if (part.w >= 16.0) {
            strands += 1.0;
            nearest_strand = min(nearest_strand, depth);
        } else {
            nearest_surface = min(nearest_surface, depth);
        }
    }
    gl_FragDepth = strands > 0.5 * float(SAMPLES) ? nearest_strand : nearest_surface;
    layers_0 = vec4(layers[0], layers[1], layers[2], layers[3]);
    layers_4 = vec4(layers[4], layers[5], layers[6], layers[7]);
    layers_8 = vec4(layers[8], layers[9], layers[10], layers[11]);
}
