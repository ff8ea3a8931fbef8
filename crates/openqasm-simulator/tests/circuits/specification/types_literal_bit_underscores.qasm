OPENQASM 3.0;
bit[4] a = "00__11";
