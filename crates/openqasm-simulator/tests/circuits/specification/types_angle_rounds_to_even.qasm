OPENQASM 3.0;
const float[64] two_pi = 6.283185307179586;
float[64] f = two_pi * (127. / 512.);
float[64] g = two_pi * (65. / 512.);
bit[8] upwards = bit[8](angle[8](f));
bit[8] downwards = bit[8](angle[8](g));
