uniform bool textured;
uniform sampler2D texture_map;
uniform sampler2D slope_map;  // metres of height per unit of u and of v
in vec4 normal_part;
in vec3 shown;
in vec2 at;
layout(location = 0) out vec4 albedo;
layout(location = 1) out vec4 encoded_normal;  // of 0 to 1; alpha: part / 255

// The normal of a surface raised by a height map (Mikkelsen 2010)
vec3 raised(vec3 normal) {
    vec3 place = seen_through(0.5 * gl_FragCoord.xy, 1.0 / gl_FragCoord.w);
    vec3 along_x = dFdx(place), along_y = dFdy(place);
    vec2 slope = texture(slope_map, at).xy;
    float rise_x = dot(slope, dFdx(at)), rise_y = dot(slope, dFdy(at));
    vec3 from_x = cross(along_y, normal), from_y = cross(normal, along_x);
    float area = dot(along_x, from_x);
    return normalize(max(abs(area), 1e-14) * normal - sign(area) * (rise_x * from_x + rise_y * from_y));
}

void main() {
    vec3 normal = normalize(normal_part.xyz);
    albedo = vec4(shown, 1.0);
    if (textured) {
        albedo.rgb *= texture(texture_map, at).rgb;
        normal = raised(normal);
    }
    if (!gl_FrontFacing) normal = -normal;
    encoded_normal = vec4(normal * 0.5 + 0.5, normal_part.w / 255.0);
}
