uniform sampler2DArray shadow_moments;  // mean and mean square of the depth of what a lamp meets, blurred

// Share of a lamp that reaches a place: Chebyshev's bound of variance shadow maps (Donnelly and Lauritzen 2006)
float reached(int map, vec3 place, float slack) {
    vec3 at = (to_shadow[map] * vec4(place, 1.0)).xyz;
    vec2 moments = textureLod(shadow_moments, vec3(at.xy * 0.5 + 0.5, map), 0.0).xy;
    float behind = at.z * shift.w - moments.x - slack;
    if (behind <= 0.0) return 1.0;
    float variance = max(moments.y - moments.x * moments.x, 2e-6);
    float bound = variance / (variance + behind * behind);
    return clamp((bound - 0.25) / 0.75, 0.0, 1.0);  // cuts off the light that leaks where two shadows overlap
}
