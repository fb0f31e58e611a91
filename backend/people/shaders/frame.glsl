// what every program knows of one picture; render.py fills it
const int LAMPS = 3;
const int MAPS = LAMPS + 1;  // the last shadow map is the sky's

layout(std140) uniform Frame {
    mat4 to_clip;           // world to the camera's clip coordinates
    mat4 to_shadow[MAPS];   // world to a lamp's map: x and y in [-1, 1], z in units of shadow_range
    vec4 ray[3];            // columns of the matrix from pixel (x, y, 1) to a world vector one metre deep
    vec4 eye;               // w: metres that a pixel spans at a depth of one metre
    vec4 turn;              // the head's rotation: axis, angle
    vec4 shift;             // the head's location; w: metres that one unit of a shadow map's depth means
    vec4 lamp_direction[LAMPS];  // towards the lamp; w: half of the angle that it spans
    vec4 lamp_colour[LAMPS];
    vec4 skull;             // middle of an ellipsoid within the head at rest, and its radii
    vec4 skull_radii;
    vec4 above;
    vec4 below;
};

// World vector from the camera to what a pixel shows at a depth
vec3 seen_through(vec2 pixel, float depth) { return (ray[0].xyz * pixel.x + ray[1].xyz * pixel.y + ray[2].xyz) * depth; }
