// The arguments of an operator as its program gives them, of which nothing is believed.
//
// A kernel gets its schema's arguments in their order; the last is what it returns, the out tensor once
// more. All functions here give nothing where an argument is not what they are asked for.
#pragma once
#include <executorch/runtime/kernel/kernel_includes.h>
#include <executorch/runtime/kernel/operator_registry.h>

#include <array>
#include <optional>

namespace pocketlm {

using executorch::aten::ScalarType;
using executorch::aten::SizesType;
using executorch::aten::Tensor;
using executorch::runtime::Error;
using executorch::runtime::EValue;
using executorch::runtime::KernelRuntimeContext;
using Arguments = executorch::runtime::Span<EValue*>;

// Whether a tensor is of that type, contiguous, and has memory behind it that may be read as that type.
inline bool is_plain(const Tensor& tensor, ScalarType type) {
  const auto address = reinterpret_cast<uintptr_t>(tensor.const_data_ptr());
  return tensor.scalar_type() == type && executorch::runtime::tensor_is_default_dim_order(tensor) &&
         (tensor.numel() == 0 || address) && address % tensor.element_size() == 0;
}

inline std::optional<Tensor> tensor(const EValue* value, ScalarType type = ScalarType::Float) {
  if (!value->isTensor() || !is_plain(value->toTensor(), type)) return {};
  return value->toTensor();
}

inline std::optional<int64_t> integer(const EValue* value) {
  return value->isInt() ? std::optional<int64_t>(value->toInt()) : std::nullopt;
}

// An integer, and the one that stands for an argument left out.
inline std::optional<int64_t> integer_or(const EValue* value, int64_t absent) {
  return value->isNone() ? absent : integer(value);
}

inline std::optional<float> number(const EValue* value) {
  if (value->isDouble()) return static_cast<float>(value->toDouble());
  const auto whole = integer(value);
  return whole ? std::optional<float>(static_cast<float>(*whole)) : std::nullopt;
}

// A dimension of a tensor; negative ones count from its last.
inline std::optional<size_t> dimension(const EValue* value, const Tensor& tensor) {
  auto found = integer(value);
  if (found && *found < 0) *found += tensor.dim();
  return found && 0 <= *found && *found < tensor.dim() ? std::optional<size_t>(*found) : std::nullopt;
}

inline size_t size(const Tensor& tensor, size_t dimension) {
  return static_cast<size_t>(tensor.sizes()[dimension]);
}

// How many elements a step in all dimensions before one takes, or in all behind it.
inline size_t elements(const Tensor& tensor, size_t first, size_t end) {
  size_t product = 1;
  for (size_t i = first; i < end; ++i) product *= size(tensor, i);
  return product;
}

inline bool same_shape(const Tensor& a, const Tensor& b) { return a.sizes() == b.sizes(); }

// Sizes of an out tensor while they are worked out.
struct Shape {
  std::array<SizesType, executorch::runtime::kTensorDimensionLimit> sizes{};
  size_t dimensions = 0;

  // False where there are too many.
  bool append(SizesType size) {
    if (dimensions == sizes.size()) return false;
    sizes[dimensions++] = size;
    return true;
  }

  bool append_all(const Tensor& tensor) {
    for (const SizesType size : tensor.sizes())
      if (!append(size)) return false;
    return true;
  }
};

// Whether a tensor has, or has been given, these sizes.
inline bool takes_shape(const Tensor& tensor, executorch::aten::ArrayRef<SizesType> sizes) {
  return executorch::runtime::resize_tensor(tensor, sizes) == Error::Ok;
}

inline bool takes_shape(const Tensor& tensor, const Shape& shape) {
  return takes_shape(tensor, {shape.sizes.data(), shape.dimensions});
}

}  // namespace pocketlm
