OPENQASM 3.0;
gate h q {
  U(pi/2, 0, pi) q;
}
int h = 1;
uint a = 1;
uint a = 2;
{ int c = 1; int c = 2; }
def f() { }
gate f q { }
