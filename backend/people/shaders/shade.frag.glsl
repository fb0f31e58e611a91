uniform sampler2D open_map;  // share of the surroundings that reaches a pixel
layout(location = 0) out vec4 radiance;

// Radiance of a surface towards the camera; material: specular, roughness, subsurface, 1 within the mouth
vec3 shaded(vec3 albedo, vec3 normal, vec4 material, float depth, float open) {
    vec3 place = eye.xyz + seen_through(gl_FragCoord.xy, depth);
    vec3 view = normalize(eye.xyz - place);
    float straight = material.x, roughness = material.y, subsurface = material.z, mouth = material.w;
    float dielectric = 1.0 - smoothstep(0.1, 0.5, straight);  // metals have no diffuse part and colour their mirror

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
    return albedo * dielectric * diffuse + mirrored_light * mix(albedo, vec3(1.0), dielectric);
}

// Sums over the samples of one surface
struct Gathered {
    vec3 albedo, normal;
    vec4 material;
    float count, depth;
};

void gather(inout Gathered sums, vec3 albedo, vec3 normal, vec4 part, float depth) {
    sums.albedo += albedo * albedo;
    sums.normal += normal;
    sums.material += vec4(part.xyz, int(part.w) == MOUTH ? 1.0 : 0.0);
    sums.depth = sums.count == 0.0 ? depth : min(sums.depth, depth);
    sums.count += 1.0;
}

vec3 shaded_sum(Gathered sums, float open) {
    vec3 albedo = pow(sums.albedo / sums.count, vec3(1.1));  // from squares of sRGB to linear light
    return sums.count * shaded(albedo, normalize(sums.normal + 1e-6), sums.material / sums.count, sums.depth, open);
}

void main() {
    radiance = vec4(0.0);
    vec4 normal_part[SAMPLES];
    float depth[SAMPLES];
    float parts_seen = 0.0, nearest = FAR;
    for (int s = 0; s < SAMPLES; ++s) {
        normal_part[s] = texelFetch(normals, sample_at(s), 0);
        depth[s] = metres(texelFetch(depths, sample_at(s), 0).r);
        parts_seen += normal_part[s].w;
        if (parts[int(normal_part[s].w * 255.0 + 0.5)].w < 16.0) nearest = min(nearest, depth[s]);
    }
    if (parts_seen == 0.0) return;
    float open = texelFetch(open_map, ivec2(gl_FragCoord.xy), 0).r;
    Gathered front = Gathered(vec3(0.0), vec3(0.0), vec4(0.0), 0.0, 0.0), back = front;
    for (int s = 0; s < SAMPLES; ++s) {
        int index = int(normal_part[s].w * 255.0 + 0.5);
        if (index == 0) continue;
        vec3 colour = texelFetch(colours, sample_at(s), 0).rgb;
        vec3 normal = normal_part[s].xyz * 2.0 - 1.0;
        if (parts[index].w >= 16.0) {
            radiance += vec4(4.0 * colour * colour * (0.4 + 0.6 * open), 1.0);
        } else if (depth[s] < nearest + 0.015) {
            gather(front, colour, normal, parts[index], depth[s]);
        } else {
            gather(back, colour, normal, parts[index], depth[s]);
        }
    }
    // one shading for each of at most two surfaces: an edge against what lies far behind it stays clean
    for (int surface = 0; surface < 2; ++surface) {
        if (front.count > 0.0) radiance += vec4(shaded_sum(front, open), front.count);
        front = back;
        if (back.count == 0.0) break;
    }
    radiance /= float(SAMPLES);
}
