OPENQASM 3.0;
angle[8] ang = 3 * pi / 2;
uint[8] two = 2;
bit[2] ok;
ok[0] = two * ang == pi;
ok[1] = !(two * ang >= ang);
