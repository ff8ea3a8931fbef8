// A line.
/*
A block; x q;
*/
OPENQASM 3.0;
include "stdgates.inc"; // the library
bit[2] c /* inside */ = "10";
