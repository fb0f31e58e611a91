// Clear surfaces over the finished picture: tint, and what they mirror
uniform vec4 lens;  // specular, roughness, opacity, layer
in vec4 normal_part;
in vec3 shown;
layout(location = 0) out vec4 radiance;
layout(location = 1) out vec4 layers_0;
layout(location = 2) out vec4 layers_4;
layout(location = 3) out vec4 layers_8;

void main() {
    vec3 normal = normalize(normal_part.xyz);
    vec3 view = -normalize(seen_through(gl_FragCoord.xy, 1.0));
    if (dot(normal, view) < 0.0) normal = -normal;
    float share = fresnel(lens.x, dot(normal, view));
    vec3 mirrored_light = mirrored(reflect(-view, normal)) * share;
    vec3 diffuse = mix(below.rgb, above.rgb, 0.5 + 0.5 * normal.z);
    for (int lamp = 0; lamp < LAMPS; ++lamp) {
        if (lamp_colour[lamp].w == 0.0) continue;
        diffuse += lamp_colour[lamp].rgb * max(dot(normal, lamp_direction[lamp].xyz), 0.0);
        mirrored_light += lamp_colour[lamp].rgb * min(lobe(normal, view, lamp_direction[lamp], lens.x, lens.y), 20.0);
    }
    float cover = lens.z + (1.0 - lens.z) * share;
    radiance = vec4(pow(shown, vec3(2.2)) * diffuse * lens.z + mirrored_light, cover);
    ivec4 layer = ivec4(int(lens.w));  // blended by the opacity alone
    layers_0 = vec4(equal(layer, ivec4(0, 1, 2, 3)));
    layers_4 = vec4(equal(layer, ivec4(4, 5, 6, 7)));
    layers_8 = vec4(equal(layer, ivec4(8, 9, 10, 11)));
}
