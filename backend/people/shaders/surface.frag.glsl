uniform bool textured;
uniform sampler2D texture_map;
uniform sampler2D slope_map;  // metres of height per unit of u and of v
in vec3 world, world_normal, shown;
in vec2 at;
flat in float its_part;
layout(location = 0) out vec4 albedo;
layout(location = 1) out vec4 normal_part;

// The normal of a surface raised by a height map (Mikkelsen 2010)
vec3 raised(vec3 normal) {
    vec3 along_x = dFdx(world), along_y = dFdy(world);
    vec2 slope = texture(slope_map, at).xy;
    float rise_x = dot(slope, dFdx(at)), rise_y = dot(slope, dFdy(at));
    vec3 from_x = cross(along_y, normal), from_y = cross(normal, along_x);
    float area = dot(along_x, from_x);
    return normalize(max(abs(area), 1e-14) * normal - sign(area) * (rise_x * from_x + rise_y * from_y));
}

void main() {
    vec3 normal = normalize(world_normal);
    albedo = vec4(shown, 1.0);
    if (textured) {
        albedo.rgb *= texture(texture_map, at).rgb;
        normal = raised(normal);
    }
    if (!gl_FrontFacing) normal = -normal;
    normal_part = vec4(normal, its_part);
}
