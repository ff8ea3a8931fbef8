OPENQASM 3.0;
def changed(int[8] a, bit[2] b) -> int[8] { a += 1; b = "11"; return a; }
def none() { return; }
def early(int i) -> int { if (i > 2) { return 1; } return 2; }
int[8] a = 3;
bit[2] b = "01";
int sum = 1;
sum += changed(a, b);
none();
bit[3] ok;
ok[0] = sum == 5;
ok[1] = a == 3 && b == "01";
ok[2] = early(3) == 1 && early(1) == 2;
