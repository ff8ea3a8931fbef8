OPENQASM 3.0;
bit[4] a = "0110";
bit[2] b = "01";
let both = a ++ b;
both[5] = 1;
both[0:1] = "01";
bit[6] copy = both;
bit[2] down = a[3:-1:2];
bit[3] set = both[{5, 0, 1}];
