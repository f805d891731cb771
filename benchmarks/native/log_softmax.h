// Log-softmax in place, in plain loops that the compiler turns into vector instructions.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

// Where the processor is an x86-64, the loops are compiled for AVX2 too and chosen when the program
// starts; other processors (ARM's NEON) have what they need in their base.
#if defined(__x86_64__) && defined(__linux__)
#define POCKETLM_VECTORS __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define POCKETLM_VECTORS
#endif

namespace pocketlm {

// e^x for x <= 0, to about 2e-7 relative: 2^integer from the exponent's bits, times a polynomial of
// the fraction in [-0.5, 0.5] (Taylor's series of 2^f, whose next term is below 2e-7).
inline float exp_of_negative(float x) {
  const float powers = (x > -87.0f ? x : -87.0f) * 1.44269504f;  // so that NaN, of a bad model, is -87
  const int32_t whole = static_cast<int32_t>(powers - 0.5f);  // the nearest integer, as powers <= 0
  const float f = powers - static_cast<float>(whole);
  const float fraction =
      1.0f + f * (0.693147181f +
                  f * (0.240226507f +
                       f * (0.0555041087f +
                            f * (0.00961812911f + f * (0.00133335581f + f * 0.000154035304f)))));
  const int32_t exponent = (whole + 127) << 23;
  float scale;
  memcpy(&scale, &exponent, sizeof scale);
  return fraction * scale;
}

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
