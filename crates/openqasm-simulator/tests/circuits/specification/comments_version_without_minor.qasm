OPENQASM 3;
bit[2] c = "01";
