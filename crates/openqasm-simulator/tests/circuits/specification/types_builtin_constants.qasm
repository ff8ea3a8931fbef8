OPENQASM 3.0;
bit[6] ok;
ok[0] = pi == π && pi > 3.14159265 && pi < 3.14159266;
ok[1] = tau == τ && tau == 2 * pi;
ok[2] = euler == ℇ && euler > 2.718281828 && euler < 2.718281829;
ok[3] = sin(π / 2) == 1.0;
ok[4] = log(euler) == 1.0;
ok[5] = cos(tau) == 1.0;
