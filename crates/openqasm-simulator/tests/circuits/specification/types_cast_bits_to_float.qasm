OPENQASM 3.0;
bit[3] b = "101";
bit ok = float(b) == 5.0;
