// Rodrigues' rotation by a share of the head's turn, as backend.head.model.bend has it
vec3 turned(vec3 v, float share) {
    vec3 across = cross(turn.xyz, v);
    float angle = turn.w * share;
    return v + sin(angle) * across + (1.0 - cos(angle)) * cross(turn.xyz, across);
}

vec3 posed(vec3 v, float share) { return turned(v, share) + share * shift.xyz; }
