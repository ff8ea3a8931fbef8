OPENQASM 3.0;
include "stdgates.inc";
bool target = false;
qubit a;
x a;
bit out = measure a;
bit branch;
if (target == out) {
  branch = 0;
} else {
  branch = 1;
}
if (branch) x a; else if (out) x a;
bit final = measure a;
