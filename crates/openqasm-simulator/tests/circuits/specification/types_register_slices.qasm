OPENQASM 3.0;
include "stdgates.inc";
qubit[2] one;
qubit[10] two;
let concatenated = one ++ two;
let first = concatenated[0];
let last = concatenated[-1];
let qubit_selection = two[{0, 3, 5}];
let sliced = concatenated[0:6];
let every_second = concatenated[0:2:11];
let last_three = two[-4:-1];
let both = sliced ++ last_three;
x first;                 // one[0]
x last;                  // two[9]
x qubit_selection[1];    // two[3]
x every_second[5];       // concatenated[10] is two[8]
x both[7];               // last_three[0] is two[6]
x sliced[6];             // two[4]
bit[2] c1 = measure one;
bit[10] c2 = measure two;
