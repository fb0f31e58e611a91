// Light that leaves a surface without entering it: GGX with Smith's visibility and Schlick's Fresnel term. A lamp of
// some size is replaced by its point nearest to the mirror direction (Karis 2013).
float fresnel(float straight, float cosine) { return straight + (1.0 - straight) * pow(max(1.0 - cosine, 0.0), 5.0); }

vec3 mirrored(vec3 direction) { return mix(below.rgb, above.rgb, smoothstep(-0.35, 0.45, direction.z)); }

float lobe(vec3 normal, vec3 view, vec4 lamp, float straight, float roughness) {
    vec3 mirror = reflect(-view, normal);
    float along = dot(mirror, lamp.xyz);
    vec3 aside = mirror - along * lamp.xyz;
    vec3 light = along > cos(lamp.w) ? mirror : lamp.xyz * cos(lamp.w) + normalize(aside + 1e-6) * sin(lamp.w);
    float level = max(dot(normal, light), 0.0), facing = max(dot(normal, view), 0.05);
    vec3 middle = normalize(light + view);
    float alpha = max(roughness * roughness, 0.002);
    float wide = min(alpha + 0.5 * lamp.w, 1.0);
    float h = dot(normal, middle);
    float a2 = alpha * alpha;
    float d = h * h * (a2 - 1.0) + 1.0;
    float bell = a2 / (d * d) * (alpha / wide) * (alpha / wide);  // times pi: a lamp of colour 1 lights white fully
    float visible = 0.5 / (level * sqrt(facing * facing * (1.0 - a2) + a2) + facing * sqrt(level * level * (1.0 - a2) + a2) + 1e-5);
    return bell * visible * fresnel(straight, max(dot(middle, view), 0.0)) * level;
}
