// Log-softmax in place, in plain loops that the compiler turns into vector instructions.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "lean/exp.h"

// Where the processor is an x86-64, the loops are compiled for AVX2 too and chosen when the program
// starts; other processors (ARM's NEON) have what they need in their base.
#if defined(__x86_64__) && defined(__linux__)
#define POCKETLM_VECTORS __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define POCKETLM_VECTORS
#endif

namespace pocketlm {

// The natural logarithm of a positive number, to about 1e-7: the exponent's bits, and the series of the inverse
// hyperbolic tangent for the rest, in [sqrt(1/2), sqrt(2)]. The C library's, once a step, would keep pages of its
// tables in memory.
static inline float log_of(float x) {
  int32_t bits;
  memcpy(&bits, &x, sizeof bits);
  const int32_t exponent = (bits - 0x3f3504f3) >> 23;  // from sqrt(1/2) on
  bits -= exponent << 23;
  float rest;
  memcpy(&rest, &bits, sizeof rest);
  const float s = (rest - 1.0f) / (rest + 1.0f), square = s * s;
  const float series = 1.0f + square * (1.0f / 3 + square * (1.0f / 5 + square * (1.0f / 7)));
  return static_cast<float>(exponent) * 0.693147181f + 2.0f * s * series;
}

// values [count]: logits in, log-probabilities out. `omp simd` lets the compiler reorder the sums; the
// build has -fopenmp-simd (no OpenMP library) and -ffast-math.
POCKETLM_VECTORS static void log_softmax(float* values, size_t count) {
  float top = values[0];
#pragma omp simd reduction(max : top)
  for (size_t i = 0; i < count; ++i) top = values[i] > top ? values[i] : top;
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (size_t i = 0; i < count; ++i) sum += exp_of(values[i] - top);
  const float log_sum = top + log_of(sum);
#pragma omp simd
  for (size_t i = 0; i < count; ++i) values[i] -= log_sum;
}

}  // namespace pocketlm
