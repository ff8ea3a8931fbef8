OPENQASM 3.0;
int ii = 100;
qubit[5] q;
let some_q = q[0:2];
{
  ii *= 2;
  int ii = 1;
  ii *= 2;
}
ii *= 2;
if (true) {
  int ii = 1;
}
uint sum = 0;
for uint ii in [1:4] {
  sum += ii;
  if (sum > 10) {
    float ii = 10.0;
    sum += uint(ii * 2.0);
  } else {
    sum += ii;
  }
  U(0, 0, (sum / 55) * pi) q;
}
bit[2] ok;
ok[0] = ii == 400;
ok[1] = sum == 36;
int turns = 0;
while (turns < 1) {
  let some_q = q[3:4];
  U(pi, 0, pi) some_q[0];
  turns += 1;
}
U(pi, 0, pi) some_q[0];
bit[5] c = measure q;
