uniform sampler2D surface_map;
uniform sampler2D albedo_map;
uniform sampler2D strand_map;
uniform sampler2D material_map;
uniform sampler2D open_map;  // share of the surroundings that reaches a pixel
layout(location = 0) out vec4 radiance;

void main() {
    ivec2 pixel = ivec2(gl_FragCoord.xy);
    vec4 strands = texelFetch(strand_map, pixel, 0);
    vec4 albedo_share = texelFetch(albedo_map, pixel, 0);
    float open = texelFetch(open_map, pixel, 0).r;
    radiance = vec4(strands.rgb * (0.4 + 0.6 * open), strands.a + albedo_share.a);
    if (albedo_share.a == 0.0) return;
    vec4 surface = texelFetch(surface_map, pixel, 0);
    vec4 material = texelFetch(material_map, pixel, 0);
    vec3 normal = surface.xyz;
    vec3 place = eye.xyz + seen_through(gl_FragCoord.xy, surface.w);
    vec3 view = normalize(eye.xyz - place);
    vec3 albedo = pow(albedo_share.rgb, vec3(2.2));
    float straight = material.x, roughness = material.y, subsurface = material.z, mouth = material.w;
    float dielectric = 1.0 - smoothstep(0.1, 0.5, straight);  // metals have no diffuse part and colour their mirror
    vec3 mirror_tint = mix(albedo, vec3(1.0), dielectric);

    // skin scatters red furthest: light creeps past the terminator and into shadows' edges
    vec3 creep = subsurface * vec3(0.42, 0.16, 0.10);
    float sky = reached(MAPS - 1, place + normal * 0.004, 0.004);
    float shut = open * (0.45 + 0.55 * sky);
    // what reaches the depth of skin or mouth has been red on its way
    vec3 reddened = pow(vec3(shut), vec3(1.0) - 0.5 * creep - mouth * vec3(0.45, 0.15, 0.15));
    vec3 ambient = mix(below.rgb, above.rgb, 0.5 + 0.5 * normal.z) * reddened;
    vec3 diffuse = ambient;
    float facing = max(dot(normal, view), 0.0);
    float grazing = straight + (max(1.0 - roughness, straight) - straight) * pow(max(1.0 - facing, 0.0), 5.0);
    vec3 mirrored_light = mirrored(reflect(-view, normal)) * grazing * shut;
    for (int lamp = 0; lamp < LAMPS; ++lamp) {
        vec3 colour = lamp_colour[lamp].rgb;
        if (lamp_colour[lamp].w == 0.0) continue;
        vec3 light = lamp_direction[lamp].xyz;
        float level = dot(normal, light);
        float lit = reached(lamp, place + normal * 0.003, 0.0015 + 0.004 * (1.0 - abs(level)));
        lit *= mix(1.0, open, 0.35 + 0.3 * mouth);  // what is deep sees little of a lamp of any size
        vec3 wrapped = clamp((level + creep) / ((1.0 + creep) * (1.0 + creep)), 0.0, 1.0);
        diffuse += colour * wrapped * pow(vec3(lit), vec3(1.0) - 0.8 * creep);
        if (level > 0.0) {
            float shine = lobe(normal, view, lamp_direction[lamp], straight, roughness);
            mirrored_light += colour * min(shine, 20.0) * lit;
        }
    }
    vec3 shaded = albedo * dielectric * diffuse + mirrored_light * mirror_tint;
    radiance.rgb += albedo_share.a * shaded;
}
