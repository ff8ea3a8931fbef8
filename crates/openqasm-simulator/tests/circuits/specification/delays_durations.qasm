OPENQASM 3.0;
include "stdgates.inc";

duration a = 300ns;
duration b = 800dt;
duration c = durationof({x $3;});
stretch d = a + 2 * c;
stretch g;
stretch e = -0.5 * c + g;
x $3;
delay[a] $3;
delay[2*g] $3;
bit m = measure $3;
bit ok = a - 100ns == 200ns && a * 2 == 600ns && a / 3 == 100ns && -a < 0ns && a / 150ns == 2.0;
