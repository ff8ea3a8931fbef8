OPENQASM 3.0;
defcalgrammar "openpulse";
cal { }
defcal x $0 { }
