OPENQASM 3.0;
bit[8] name = "0001111";
