OPENQASM 3.0;
def fn() {
  continue;
}
