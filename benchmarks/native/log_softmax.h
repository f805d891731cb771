// Log-softmax in place, in plain loops that the compiler turns into vector instructions.
#pragma once
#include <cmath>
#include <cstddef>

#include "lean/exp.h"

// Where the processor is an x86-64, the loops are compiled for AVX2 too and chosen when the program
// starts; other processors (ARM's NEON) have what they need in their base.
#if defined(__x86_64__) && defined(__linux__)
#define POCKETLM_VECTORS __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define POCKETLM_VECTORS
#endif

namespace pocketlm {

// values [count]: logits in, log-probabilities out. `omp simd` lets the compiler reorder the sums; the
// build has -fopenmp-simd (no OpenMP library) and -ffast-math.
POCKETLM_VECTORS static void log_softmax(float* values, size_t count) {
  float top = values[0];
#pragma omp simd reduction(max : top)
  for (size_t i = 0; i < count; ++i) top = values[i] > top ? values[i] : top;
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (size_t i = 0; i < count; ++i) sum += exp_of_negative(values[i] - top);
  const float log_sum = top + std::log(sum);
#pragma omp simd
  for (size_t i = 0; i < count; ++i) values[i] -= log_sum;
}

}  // namespace pocketlm
