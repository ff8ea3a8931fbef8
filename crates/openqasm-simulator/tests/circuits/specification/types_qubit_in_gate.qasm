OPENQASM 3.0;
gate g a { qubit b; }
