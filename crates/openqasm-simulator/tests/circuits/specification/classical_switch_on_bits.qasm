OPENQASM 3.1;
bit[2] b = "11";
bit[2] found;
switch (int(b)) {
  case 0b00 { found = "00"; }
  case 0b01 { found = "01"; }
  case 0b10 { found = "10"; }
  case 0b11 { found = "11"; }
}
switch (int(b) + 4) { case 1 { found = "00"; } }
