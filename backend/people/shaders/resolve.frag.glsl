// From samples to pixels: what is shaded still, what is not, and what each pixel shows
uniform sampler2D colours;
uniform sampler2D normals;
uniform sampler2D depths;
layout(std140) uniform Parts {
    vec4 parts[PARTS];  // specular, roughness, subsurface, layer (16 more for strands)
};
layout(location = 0) out vec4 seen;  // normal and depth of the nearest sample
layout(location = 1) out vec4 surface;  // mean normal and nearest depth of the surfaces
layout(location = 2) out vec4 albedo;  // of the surfaces; alpha: their share
layout(location = 3) out vec4 strands;  // radiance times share; alpha: share
layout(location = 4) out vec4 material;
layout(location = 5) out vec4 layers_0;
layout(location = 6) out vec4 layers_4;
layout(location = 7) out vec4 layers_8;

float metres(float depth) { return 2.0 * FAR * NEAR / (FAR + NEAR - (depth * 2.0 - 1.0) * (FAR - NEAR)); }

void main() {
    ivec2 pixel = ivec2(gl_FragCoord.xy);
    float layers[12];
    for (int i = 0; i < 12; ++i) layers[i] = 0.0;
    seen = surface = albedo = strands = material = vec4(0.0);
    float nearest = 1.0, nearest_surface = 1.0, nearest_strand = 1.0;
    for (int s = 0; s < SAMPLES; ++s) {
        ivec2 at = 2 * pixel + ivec2(s & 1, s >> 1);
        vec4 normal_part = texelFetch(normals, at, 0);
        int part = int(normal_part.w * 255.0 + 0.5);
        if (part == 0) continue;
        normal_part.xyz = normal_part.xyz * 2.0 - 1.0;
        vec3 colour = texelFetch(colours, at, 0).rgb;
        float depth = texelFetch(depths, at, 0).r;
        if (depth < nearest) {
            nearest = depth;
            seen.xyz = normal_part.xyz;
        }
        vec4 its = parts[part];
        int layer = int(its.w) & 15;
        layers[layer] += 1.0;
        if (its.w >= 16.0) {
            strands += vec4(4.0 * colour * colour, 1.0);
            nearest_strand = min(nearest_strand, depth);
        } else {
            nearest_surface = min(nearest_surface, depth);
            surface.xyz += normal_part.xyz;
            albedo += vec4(colour * colour, 1.0);
            material += vec4(its.xyz, layer == MOUTH ? 1.0 : 0.0);
        }
    }
    float share = 1.0 / float(SAMPLES);
    gl_FragDepth = strands.a > 0.5 * float(SAMPLES) ? nearest_strand : nearest_surface;
    layers[0] = float(SAMPLES) - strands.a - albedo.a;
    layers_0 = vec4(layers[0], layers[1], layers[2], layers[3]) * share;
    layers_4 = vec4(layers[4], layers[5], layers[6], layers[7]) * share;
    layers_8 = vec4(layers[8], layers[9], layers[10], layers[11]) * share;
    if (nearest < 1.0) seen = vec4(normalize(seen.xyz), metres(nearest));
    strands *= share;
    if (albedo.a > 0.0) {
        material /= albedo.a;
        surface = vec4(normalize(surface.xyz + 1e-6), metres(nearest_surface));
        albedo = vec4(sqrt(albedo.rgb / albedo.a), albedo.a * share);
    }
}
