OPENQASM 3.0;
int[32] i = 0;
int seen = 0;
while (i < 10) {
  i += 1;
  if (i == 2) {
    continue;
  }
  seen = 10 * seen + i;
  if (i == 4) {
    break;
  }
  seen += 0;
}
int inner = 0;
for int a in [0:2] {
  for int b in [0:9] { if (b == 2) break; inner += 1; }
  if (a == 0) continue;
  inner += 100;
}
bit[2] ok;
ok[0] = seen == 134 && i == 4;
ok[1] = inner == 206;
