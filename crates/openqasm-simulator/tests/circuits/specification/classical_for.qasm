OPENQASM 3.0;
int[32] calls = 0;
int[32] b = 0;
for int[32] i in {1, 5, 10} {
  b += i;
}
for int i in [0:2:20]
  calls += i;
int turns = 0;
for uint[64] i in [4294967296:4294967306] {
  turns += 1;
}
array[float[64], 4] my_floats = {1.2, -3.4, 0.5, 9.8};
float[64] sum = 0.0;
for float[64] f in my_floats {
  sum += f;
  f = 0.0;
}
bit[5] register = "10110";
uint[8] order = 0;
for bit b in register { order = 2 * order + b; }
let alias = register[1:3];
int ones = 0;
for bit b in alias { if (b) ones += 1; }
int down = 0;
for int i in [5:-2:1] { down = 10 * down + i; }
int own = 0;
for int i in [1:3] { own += i; i = 100; }
int none = 0;
for int i in [3:2] { none = 1; }
bit[9] ok;
ok[0] = b == 16;
ok[1] = calls == 110;
ok[2] = turns == 11;
ok[3] = abs(sum - 8.1) < 1e-9 && my_floats[0] == 1.2;
ok[4] = order == 13;
ok[5] = ones == 2;
ok[6] = down == 531;
ok[7] = own == 6;
ok[8] = none == 0;
