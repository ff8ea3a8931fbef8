OPENQASM 3.0;
include "stdgates.inc";

gate rotary(amp) q { rx(amp) q; }
const float amp = pi;
stretch a;
qubit q;
rotary(amp)[250ns] q;
rotary(amp)[a] q;
rotary(amp)[a] q;
bit c = measure q;
