// The loops behind the kernels, on plain arrays: this is the part that is compiled for speed.
#pragma once
#include <cstddef>
#include <cstdint>

namespace pocketlm {

// x [columns], weight [rows, columns], scales [rows] -> y [rows], y[n] = scales[n] sum_k weight[n, k] x[k]
void int8_product(const float* x, const int8_t* weight, const float* scales, size_t rows, size_t columns, float* y);

// row [columns] -> y [columns], y[k] = scale row[k]
void int8_row(const int8_t* row, float scale, size_t columns, float* y);

// y[i] = a[i] + scale b[i]
void scaled_sum(const float* a, const float* b, float scale, size_t count, float* y);

// y[i] = a[i] b[i]
void elementwise_product(const float* a, const float* b, size_t count, float* y);

// y[i] = a[i] / b[i]
void elementwise_quotient(const float* a, const float* b, size_t count, float* y);

// To about 3e-7, relative, of numbers from -87 to 87, and as these bounds beyond.
void exponential(const float* x, size_t count, float* y);

// To about 2e-7, absolute.
void sigmoid(const float* x, size_t count, float* y);
void tanh(const float* x, size_t count, float* y);

}  // namespace pocketlm
