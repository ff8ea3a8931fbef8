OPENQASM 3.0;
bit[1] γ = "1";
bit[1] _a1 = "0";
bit[1] Ω_2 = "1";
int ℵ = 3;
bit equal = ℵ == 3;
