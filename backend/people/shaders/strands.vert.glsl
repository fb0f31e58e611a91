uniform int map;  // which shadow map is drawn, -1: the picture
uniform float widening;  // where few strands stand for many
uniform float texel;  // metres
uniform samplerBuffer strand_movement;
layout(location = 0) in vec3 position;
layout(location = 1) in float share;
layout(location = 2) in vec3 tangent;
layout(location = 3) in float half_width;
layout(location = 4) in vec4 colour;  // alpha: how freely light reaches this place among the hairs
layout(location = 5) in float strand;
layout(location = 6) in vec4 material;  // specular, roughness, part, chance
out vec3 shade, world_normal;  // shade: the root of a quarter of the radiance
out float cover, side;
flat out float its_part, chance;

float bell(float x, float width) { return exp(-0.5 * x * x / (width * width)); }

// A hair reflects at its surface (white) and, after a way through its pigment, again (tinted), both along cones that
// the scales of its surface tilt, and passes light through: the lobes R, TRT and TT of Marschner et al. 2003, each as
// a bell over the longitudinal angle and a simple function of the azimuth
vec3 hair_radiance(vec3 place, vec3 along, vec3 view, vec3 albedo, float open) {
    vec3 outward = normalize(vec3(place.xy, 0.5 * place.z) + 1e-5);
    vec3 ambient = mix(below.rgb, above.rgb, 0.5 + 0.5 * outward.z);
    float sky = reached(MAPS - 1, place, 0.006);
    vec3 total = albedo * ambient * open * (0.35 + 0.65 * sky);
    float view_angle = asin(clamp(dot(along, view), -1.0, 1.0));
    vec3 view_across = view - along * dot(along, view);
    float width = 0.05 + 0.16 * material.y;
    for (int lamp = 0; lamp < LAMPS; ++lamp) {
        vec3 light = lamp_direction[lamp].xyz;
        if (lamp_colour[lamp].w == 0.0) continue;
        float lit = reached(lamp, place, 0.004);
        float light_angle = asin(clamp(dot(along, light), -1.0, 1.0));
        float half_angle = 0.5 * (light_angle + view_angle);
        vec3 light_across = light - along * dot(along, light);
        float azimuth = dot(light_across, view_across) * inversesqrt(dot(light_across, light_across) * dot(view_across, view_across) + 1e-9);
        float facing = sqrt(0.5 + 0.5 * azimuth);
        float wrap = clamp(0.45 + 0.55 * dot(outward, light), 0.0, 1.0);
        float spread = width + 0.5 * lamp_direction[lamp].w;
        float dimmer = width / spread;  // a wide lamp's highlight is wider, not brighter in all
        vec3 surface = vec3(0.16 * dimmer * material.x / 0.04 * bell(half_angle - 0.08, spread) * facing);
        vec3 inner = albedo * 1.1 * dimmer * bell(half_angle + 0.14, 1.6 * spread) * facing;
        vec3 through = sqrt(albedo) * 1.1 * dimmer * bell(half_angle, 1.2 * spread) * pow(0.5 - 0.5 * azimuth, 4.0);
        vec3 scattered = albedo * cos(light_angle) * (0.55 + 0.25 * azimuth) * wrap;
        total += lamp_colour[lamp].rgb * lit * (scattered + ((surface + inner) * wrap + through * 0.6) * open);
    }
    return total;
}

// Whether the skull is between the camera and a place on the head
bool hidden(vec3 place) {
    vec3 from = (turned(eye.xyz - shift.xyz, -1.0) - skull.xyz) / skull_radii.xyz;
    vec3 way = (turned(place - shift.xyz, -1.0) - skull.xyz) / skull_radii.xyz - from;
    float nearest = -dot(from, way) / dot(way, way);
    vec3 at = from + nearest * way;
    return nearest < 1.0 && dot(at, at) < 0.9;
}

void main() {
    vec3 place = posed(position + texelFetch(strand_movement, int(strand)).xyz, share);
    vec3 along = turned(tangent, share);
    float side_sign = float(gl_VertexID & 1) * 2.0 - 1.0;
    chance = material.w;
    if (map >= 0) {
        vec3 light = vec3(to_shadow[map][0][2], to_shadow[map][1][2], to_shadow[map][2][2]);
        float width = half_width * widening;
        float drawn = max(width, 0.5 * texel);
        place += normalize(cross(along, light) + 1e-9) * side_sign * drawn;
        gl_Position = to_shadow[map] * vec4(place, 1.0);
        if (width < chance * drawn) gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
        return;
    }
    vec3 view = eye.xyz - place;
    its_part = material.z;
    if (share > 0.9 && hidden(place)) {  // no triangle is the cheapest triangle
        gl_Position = to_clip * vec4(place, 1.0);
        shade = vec3(0.0);
        world_normal = view;
        cover = side = 0.0;
        return;
    }
    float depth = dot(to_clip * vec4(place, 1.0), vec4(0.0, 0.0, 0.0, 1.0));
    side = side_sign;
    float wide = half_width * widening;
    float drawn = max(wide, 0.25 * depth * eye.w);
    cover = wide / drawn;
    vec3 across = normalize(cross(along, view) + 1e-9);
    view = normalize(view);
    vec3 albedo = pow(colour.rgb, vec3(2.2));
    shade = sqrt(clamp(0.25 * hair_radiance(place, along, view, albedo, colour.a), 0.0, 1.0));
    world_normal = cross(across, along);
    if (dot(world_normal, view) < 0.0) world_normal = -world_normal;
    gl_Position = to_clip * vec4(place + across * side_sign * drawn, 1.0);
}
