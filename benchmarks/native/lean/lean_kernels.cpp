// One function an operator: its arguments are checked, then arithmetic.cpp does the work.
//
// Shapes: M rows of input, K columns, N rows of a matrix, V vocabulary, E embedding. Only what the
// zero-copy recipe writes is taken: float tensors without broadcasting, int8 matrices with one scale a row
// and no zero points, slices of step 1. All else fails with InvalidArgument, which ends `execute`.
#include "lean_kernels.h"

#include <algorithm>
#include <cstring>

#include "arguments.h"
#include "arithmetic.h"

namespace pocketlm {
namespace {

#define CHECK(condition) ET_KERNEL_CHECK(context, condition, InvalidArgument, )

// An int8 matrix [N, K] with its scales [N].
struct Matrix {
  Tensor weight, scales;
  size_t rows() const { return size(weight, 0); }
  size_t columns() const { return size(weight, 1); }
};

std::optional<Matrix> matrix(const EValue* weight, const EValue* scales, const EValue* zero_points) {
  const auto values = tensor(weight, ScalarType::Char), factors = tensor(scales);
  if (!values || !factors || !zero_points->isNone() || values->dim() != 2 || factors->dim() != 1) return {};
  if (factors->numel() != values->size(0)) return {};
  return Matrix{*values, *factors};
}

// quantized_decomposed::embedding_byte.out(weight [V, E], scales [V], zero_points?, quant_min, quant_max,
//                                          indices [...], out [..., E])
void embedding_byte(KernelRuntimeContext& context, Arguments arguments) {
  CHECK(arguments.size() == 8);
  const auto table = matrix(arguments[0], arguments[1], arguments[2]);
  const auto tokens = tensor(arguments[5], ScalarType::Long), out = tensor(arguments[6]);
  CHECK(table && tokens && out);
  const size_t columns = table->columns();
  Shape shape;
  CHECK(shape.append_all(*tokens) && shape.append(table->weight.size(1)) && takes_shape(*out, shape));
  for (ssize_t i = 0; i < tokens->numel(); ++i) {
    const int64_t token = tokens->const_data_ptr<int64_t>()[i];
    CHECK(0 <= token && static_cast<size_t>(token) < table->rows());
    int8_row(table->weight.const_data_ptr<int8_t>() + token * columns, table->scales.const_data_ptr<float>()[token],
             columns, out->mutable_data_ptr<float>() + i * columns);
  }
}

// quantized_decomposed::mixed_linear.out(input [M, K], weight [N, K], scales [N], zero_points?, dtype?,
//                                        out [M, N])
void mixed_linear(KernelRuntimeContext& context, Arguments arguments) {
  CHECK(arguments.size() == 7);
  const auto input = tensor(arguments[0]), out = tensor(arguments[5]);
  const auto weights = matrix(arguments[1], arguments[2], arguments[3]);
  CHECK(input && out && weights && arguments[4]->isNone());
  CHECK(input->dim() == 2 && size(*input, 1) == weights->columns());
  Shape shape;
  CHECK(shape.append(input->size(0)) && shape.append(weights->weight.size(0)) && takes_shape(*out, shape));
  for (size_t m = 0; m < size(*input, 0); ++m)
    int8_product(input->const_data_ptr<float>() + m * weights->columns(), weights->weight.const_data_ptr<int8_t>(),
                 weights->scales.const_data_ptr<float>(), weights->rows(), weights->columns(),
                 out->mutable_data_ptr<float>() + m * weights->rows());
}

// aten::add.out and aten::sub.out (self, other, alpha, out): self + sign alpha other
template <int sign>
void add(KernelRuntimeContext& context, Arguments arguments) {
  CHECK(arguments.size() == 5);
  const auto a = tensor(arguments[0]), b = tensor(arguments[1]), out = tensor(arguments[3]);
  const auto alpha = number(arguments[2]);
  CHECK(a && b && alpha && out && same_shape(*a, *b) && takes_shape(*out, a->sizes()));
  scaled_sum(a->const_data_ptr<float>(), b->const_data_ptr<float>(), sign * *alpha, a->numel(),
             out->mutable_data_ptr<float>());
}

// aten::mul.out and aten::div.out (self, other, out)
template <void (*function)(const float*, const float*, size_t, float*)>
void elementwise(KernelRuntimeContext& context, Arguments arguments) {
  CHECK(arguments.size() == 4);
  const auto a = tensor(arguments[0]), b = tensor(arguments[1]), out = tensor(arguments[2]);
  CHECK(a && b && out && same_shape(*a, *b) && takes_shape(*out, a->sizes()));
  function(a->const_data_ptr<float>(), b->const_data_ptr<float>(), a->numel(), out->mutable_data_ptr<float>());
}

// aten::exp.out, aten::sigmoid.out and aten::tanh.out (self, out)
template <void (*function)(const float*, size_t, float*)>
void activation(KernelRuntimeContext& context, Arguments arguments) {
  CHECK(arguments.size() == 3);
  const auto x = tensor(arguments[0]), out = tensor(arguments[1]);
  CHECK(x && out && takes_shape(*out, x->sizes()));
  function(x->const_data_ptr<float>(), x->numel(), out->mutable_data_ptr<float>());
}

// aten::view_copy.out(self, size, out); out has that size, as programs of ours are of fixed shapes
void view_copy(KernelRuntimeContext& context, Arguments arguments) {
  CHECK(arguments.size() == 4);
  const auto x = tensor(arguments[0]), out = tensor(arguments[2]);
  CHECK(x && out && x->numel() == out->numel());
  memmove(out->mutable_data_ptr(), x->const_data_ptr(), x->nbytes());
}

// A bound of a slice within 0..size; negative ones count from the end.
int64_t clamped(int64_t bound, int64_t size) {
  return std::clamp<int64_t>(bound < 0 ? bound + size : bound, 0, size);
}

// aten::slice_copy.Tensor_out(self, dim, start?, end?, step, out)
void slice_copy(KernelRuntimeContext& context, Arguments arguments) {
  CHECK(arguments.size() == 7);
  const auto x = tensor(arguments[0]), out = tensor(arguments[5]);
  CHECK(x && out && integer(arguments[4]) == 1);
  const auto along = dimension(arguments[1], *x);
  CHECK(along);
  const int64_t whole = x->sizes()[*along];
  const auto start = integer_or(arguments[2], 0), end = integer_or(arguments[3], whole);
  CHECK(start && end);
  const int64_t first = clamped(*start, whole), taken = std::max<int64_t>(0, clamped(*end, whole) - first);
  Shape shape;
  CHECK(shape.append_all(*x));
  shape.sizes[*along] = static_cast<SizesType>(taken);
  CHECK(takes_shape(*out, shape));
  const size_t inner = elements(*x, *along + 1, x->dim());
  for (size_t i = 0; i < elements(*x, 0, *along); ++i)
    memmove(out->mutable_data_ptr<float>() + i * taken * inner,
            x->const_data_ptr<float>() + (i * whole + first) * inner, taken * inner * sizeof(float));
}

// Whether two shapes differ in one dimension at most, that one.
bool joinable(const Tensor& a, const Tensor& b, size_t along) {
  if (a.dim() != b.dim()) return false;
  for (size_t i = 0; i < static_cast<size_t>(a.dim()); ++i)
    if (i != along && size(a, i) != size(b, i)) return false;
  return true;
}

// aten::cat.out(tensors, dim, out)
void cat(KernelRuntimeContext& context, Arguments arguments) {
  CHECK(arguments.size() == 4);
  const auto parts = arguments[0]->tryToTensorList();
  const auto out = tensor(arguments[2]);
  CHECK(parts.ok() && out);
  const auto along = dimension(arguments[1], *out);
  CHECK(along);
  const size_t row = elements(*out, *along, out->dim());
  size_t begin = 0;  // of a part's columns in a row of out
  for (const Tensor& part : *parts) {
    CHECK(is_plain(part, ScalarType::Float) && joinable(part, *out, *along));
    const size_t columns = elements(part, *along, part.dim());
    CHECK(columns <= row - begin);
    for (size_t i = 0; i < elements(*out, 0, *along); ++i)
      memmove(out->mutable_data_ptr<float>() + i * row + begin, part.const_data_ptr<float>() + i * columns,
              columns * sizeof(float));
    begin += columns;
  }
  CHECK(begin == row);
}

}  // namespace

Error register_lean_kernels() {
  using executorch::runtime::Kernel;
  static const Kernel kernels[] = {
      Kernel("aten::add.out", add<1>),
      Kernel("aten::cat.out", cat),
      Kernel("aten::div.out", elementwise<elementwise_quotient>),
      Kernel("aten::exp.out", activation<exponential>),
      Kernel("aten::mul.out", elementwise<elementwise_product>),
      Kernel("aten::sigmoid.out", activation<sigmoid>),
      Kernel("aten::slice_copy.Tensor_out", slice_copy),
      Kernel("aten::sub.out", add<-1>),
      Kernel("aten::tanh.out", activation<tanh>),
      Kernel("aten::view_copy.out", view_copy),
      Kernel("quantized_decomposed::embedding_byte.out", embedding_byte),
      Kernel("quantized_decomposed::mixed_linear.out", mixed_linear),
  };
  static const Error registered = executorch::runtime::register_kernels({kernels, std::size(kernels)});
  return registered;
}

}  // namespace pocketlm
