OPENQASM 3.0;
bit[20] bit_array;
bit[8] name = "00001111";
creg old[2];
bit decimal = uint[8](name) == 15;
bit zero = name[7];
bit one = name[0];
