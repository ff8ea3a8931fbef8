OPENQASM 3.0;
def changes(readonly array[int[8], 2] a) { a[0] = 1; }
def takes(mutable array[int[8], 2] a) { }
def passes(readonly array[int[8], 2] a) { takes(a); }
def plain(array[int[8], 2] a) { }
