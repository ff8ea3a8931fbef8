OPENQASM 3.0;
qubit[5] all_qubits;
int a = 1;
int b = 2;
const int c = 3;
const int d = 4;
def my_routine(uint a, uint c) -> int {
  int in_body = 5;
  a += 1;
  return a * 1000 + c * 100 + d * 10 + in_body;
}
const float[64] new_variable = 1.5;
bit[3] ok;
ok[0] = my_routine(6, 7) == 7745;
ok[1] = a == 1 && b == 2 && c == 3;
def second_subroutine(qubit[4] q) -> bit {
  int in_body = 8;
  let some_qubits = q[0:2];
  U(new_variable * 0, 0, 0) some_qubits;
  U(pi, 0, pi) some_qubits[c - 1];
  return measure q[2];
}
ok[2] = second_subroutine(all_qubits[0:3]);
bit[5] all = measure all_qubits;
