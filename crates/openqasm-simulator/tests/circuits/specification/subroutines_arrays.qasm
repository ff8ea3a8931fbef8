OPENQASM 3.0;
def specified_sub(readonly array[int[8], 2, 10] arr_arg) -> int { return arr_arg[1, 9]; }
def arr_subroutine(readonly array[int[8], #dim = 1] arr_arg) -> uint { return sizeof(arr_arg); }
def mut_subroutine(mutable array[int[8], #dim = 1] arr_arg) {
  arr_arg[2] = 10;
}
array[int[8], 5] aa;
array[int[8], 3, 5] bb;
array[int[8], 2, 10] cc;
cc[1, 9] = 4;
bit[5] ok;
ok[0] = arr_subroutine(aa) == 5;
ok[1] = arr_subroutine(bb[1, 0:3]) == 4;
mut_subroutine(aa[1:3]);
ok[2] = aa[3] == 10 && aa[2] == 0;
ok[3] = specified_sub(cc) == 4;
mut_subroutine(bb[:, 1]);
mut_subroutine(aa[4:-2:0]);
ok[4] = bb[2, 1] == 10 && aa[0] == 10;
