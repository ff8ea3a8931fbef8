OPENQASM 3.1;
bit[2] b = "10";
bit found;
switch (b) { case 2 { found = 1; } }
