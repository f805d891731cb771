// The same with our own kernels, which are instrumented.
#define POCKETLM_LEAN
#include "program_target.cpp"
