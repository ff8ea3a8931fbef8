OPENQASM 3.0;
bit c;
if (c) { include "stdgates.inc"; }
