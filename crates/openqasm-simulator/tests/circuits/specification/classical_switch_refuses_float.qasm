OPENQASM 3.1;
float f = 1.0;
switch (f) { case 1 {} }
