OPENQASM 3.0;
if (true);
while (true);
for int a in {1, 2, 3};
