// Replays tokens through an exported network with the ExecuTorch runtime, on one thread.
//
//   executorch_runner MODEL.pte --tokens FILE --end ID [--steps N] [--load mmap|file] [--pressure]
//                    [--dump-logits FILE]
//
// With -D POCKETLM_LEAN it is lean_runner: the same with the kernels of lean/ and no others.
//
// The program's methods:
//   forward(token int64[1,1], state float32[L,1,H]) -> (logits float32[1,V], state float32[L,1,H])
//   initial_state() -> float32[L,1,H], a constant
// A line begins with the initial state, past the end token, which is run anew for each line: nothing
// is kept that an app would not need, and all of it counts. The softmax is taken in place, in the
// planned arena. `--load file` reads the program into private memory.
#include <executorch/extension/data_loader/file_data_loader.h>
#include <executorch/extension/data_loader/mmap_data_loader.h>
#include <executorch/extension/memory_allocator/malloc_memory_allocator.h>
#include <executorch/runtime/executor/method.h>
#include <executorch/runtime/executor/program.h>
#include <executorch/runtime/platform/platform.h>
#include <executorch/runtime/platform/runtime.h>

#include <memory>
#include <optional>
#include <vector>

#include "log_softmax.h"
#include "replay.h"

#ifdef POCKETLM_LEAN
#include "lean_kernels.h"
#else
// The wheel has the thread pool's library but not its header, of which this is the part that is used.
// A step is too short for threads: the pool that the kernels would make at their first use (one
// thread a core) makes steps slower and adds a stack of private memory.
namespace executorch::extension::threadpool {
class ThreadPool {
 public:
  bool _unsafe_reset_threadpool(uint32_t new_thread_count);
};
ThreadPool* get_threadpool();
}  // namespace executorch::extension::threadpool
#endif

namespace et = executorch::runtime;
using executorch::aten::ScalarType;
using executorch::aten::Tensor;
using executorch::aten::TensorImpl;
using executorch::extension::FileDataLoader;
using executorch::extension::MallocMemoryAllocator;
using executorch::extension::MmapDataLoader;
using pocketlm::fail;

namespace {

void check(et::Error error, const char* what, const char* path) {
  if (error == et::Error::Ok) return;
  if (error == et::Error::OperatorMissing || error == et::Error::NotFound)
    fail("%s: %s needs an operator or a backend that this runtime does not have (ExecuTorch error 0x%x)", path, what,
         static_cast<unsigned>(error));
  fail("%s: %s failed (ExecuTorch error 0x%x): the file is damaged or not such a model", path, what,
       static_cast<unsigned>(error));
}

// The runtime's own messages would be further lines beside ours.
void say_nothing(et_timestamp_t, et_pal_log_level_t, const char*, const char*, size_t, const char*,
                 size_t) {}

void prepare_runtime() {
  et::register_pal(et::PalImpl::create(say_nothing, __FILE__));
  et::runtime_init();
#ifdef POCKETLM_LEAN
  if (pocketlm::register_lean_kernels() != et::Error::Ok) fail("the kernels cannot be registered");
#else
  executorch::extension::threadpool::get_threadpool()->_unsafe_reset_threadpool(1);
#endif
}

std::unique_ptr<et::DataLoader> open_file(const char* path, const std::string& load) {
  if (load == "mmap") {
    auto loader = MmapDataLoader::from(path, MmapDataLoader::MlockConfig::NoMlock);
    check(loader.error(), "opening", path);
    return std::make_unique<MmapDataLoader>(std::move(loader.get()));
  }
  if (load == "file") {
    auto loader = FileDataLoader::from(path);
    check(loader.error(), "opening", path);
    return std::make_unique<FileDataLoader>(std::move(loader.get()));
  }
  fail("--load is mmap or file, not %s", load.c_str());
}

constexpr size_t kLargestArena = 64 << 20;  // activations of one step; ours have some 100 KB

// A method with the memory that it was planned for.
class LoadedMethod {
 public:
  LoadedMethod(const et::Program& program, const char* name, const char* path) {
    auto meta = program.method_meta(name);
    check(meta.error(), name, path);
    for (size_t i = 0; i < meta->num_memory_planned_buffers(); ++i) {
      const size_t bytes = static_cast<size_t>(meta->memory_planned_buffer_size(i).get());
      if (bytes > kLargestArena) fail("%s: it asks for an arena of %zu bytes", path, bytes);
      planned_bytes += bytes;
      arenas_.emplace_back(static_cast<uint8_t*>(calloc(1, bytes)), free);
      if (!arenas_.back()) fail("%s: no memory for its arena of %zu bytes", path, bytes);
      spans_.emplace_back(arenas_.back().get(), bytes);
    }
    planned_.emplace(et::Span<et::Span<uint8_t>>(spans_.data(), spans_.size()));
    manager_.emplace(&allocator_, &*planned_);
    auto loaded = program.load_method(name, &*manager_);
    check(loaded.error(), name, path);
    method.emplace(std::move(loaded.get()));
  }

  size_t planned_bytes = 0;

 private:
  MallocMemoryAllocator allocator_;
  std::vector<std::unique_ptr<uint8_t, decltype(&free)>> arenas_;
  std::vector<et::Span<uint8_t>> spans_;
  std::optional<et::HierarchicalAllocator> planned_;
  std::optional<et::MemoryManager> manager_;

 public:
  std::optional<et::Method> method;  // destroyed first: it uses the memory above
};

const Tensor& float_output(const et::Method& method, size_t index, const char* path) {
  const et::EValue& value = method.get_output(index);
  if (!value.isTensor() || value.toTensor().scalar_type() != ScalarType::Float)
    fail("%s: output %zu is not a float tensor", path, index);
  return value.toTensor();
}

class Network {
 public:
  Network(const char* path, const std::string& load, int32_t end) : path_(path), end_(end) {
    loader_ = open_file(path, load);
    auto program = et::Program::load(loader_.get(), et::Program::Verification::InternalConsistency);
    check(program.error(), "loading", path);
    program_.emplace(std::move(program.get()));
    read_initial_state();
    forward_.emplace(*program_, "forward", path);
    check_signature();
    state_ = initial_state_;
  }

  void begin() {
    state_ = initial_state_;
    predict(end_);
  }

  double step(int32_t token) {
    const double score = log_probabilities()[token];
    predict(token);
    return score;
  }

  double end() const { return log_probabilities()[end_]; }

  // Raw logits after each token of a file, end tokens included: the state is never reset.
  void dump(const pocketlm::Tokens& tokens, const char* target) {
    FILE* file = fopen(target, "wb");
    if (!file) fail("%s cannot be written", target);
    state_ = initial_state_;
    for (size_t i = 0; i < tokens.count; ++i) {
      if (static_cast<size_t>(tokens.ids[i]) >= vocabulary) fail("token %d is outside the vocabulary", tokens.ids[i]);
      execute(tokens.ids[i]);
      if (fwrite(log_probabilities(), sizeof(float), vocabulary, file) != vocabulary)
        fail("%s cannot be written", target);
    }
    if (fclose(file) != 0) fail("%s cannot be written", target);
  }

  size_t planned_bytes() const { return forward_->planned_bytes; }
  size_t state_bytes() const { return state_.size() * sizeof(float); }

  size_t vocabulary = 0;

 private:
  void read_initial_state() {
    LoadedMethod initial(*program_, "initial_state", path_);
    check(initial.method->execute(), "initial_state", path_);
    const Tensor& tensor = float_output(*initial.method, 0, path_);
    if (tensor.dim() != 3) fail("%s: its initial state is not of shape [L, 1, H]", path_);
    const float* values = tensor.const_data_ptr<float>();
    initial_state_.assign(values, values + tensor.numel());
    state_sizes_.assign(tensor.sizes().begin(), tensor.sizes().end());
  }

  void check_signature() {
    auto meta = forward_->method->method_meta();
    bool right = meta.num_inputs() == 2 && meta.num_outputs() == 2;
    if (right) {
      auto token = meta.input_tensor_meta(0), state = meta.input_tensor_meta(1);
      auto logits = meta.output_tensor_meta(0), next = meta.output_tensor_meta(1);
      const size_t state_bytes = initial_state_.size() * sizeof(float);
      right = token.ok() && token->scalar_type() == ScalarType::Long && token->nbytes() == 8 &&
              state.ok() && state->scalar_type() == ScalarType::Float && state->nbytes() == state_bytes &&
              next.ok() && next->scalar_type() == ScalarType::Float && next->nbytes() == state_bytes &&
              logits.ok() && logits->scalar_type() == ScalarType::Float;
      if (right) vocabulary = logits->nbytes() / sizeof(float);
    }
    if (!right) fail("%s: forward is not (token int64[1,1], state float32[L,1,H]) -> (logits, state)", path_);
  }

  void execute(int32_t token) {
    token_ = token;
    et::Method& method = *forward_->method;
    check(method.set_input(et::EValue(Tensor(&token_tensor_)), 0), "its token input", path_);
    TensorImpl::StridesType strides[3] = {state_sizes_[1] * state_sizes_[2], state_sizes_[2], 1};
    TensorImpl state(ScalarType::Float, 3, state_sizes_.data(), state_.data(), state_order_, strides);
    check(method.set_input(et::EValue(Tensor(&state)), 1), "its state input", path_);
    check(method.execute(), "a step", path_);
    const Tensor& next = float_output(method, 1, path_);
    memcpy(state_.data(), next.const_data_ptr(), std::min(next.nbytes(), state_.size() * sizeof(float)));
  }

  void predict(int32_t token) {
    execute(token);
    pocketlm::log_softmax(log_probabilities(), vocabulary);
  }

  // The logits' place in the arena, until the next step.
  float* log_probabilities() const {
    return float_output(*forward_->method, 0, path_).mutable_data_ptr<float>();
  }

  const char* path_;
  int32_t end_;
  std::unique_ptr<et::DataLoader> loader_;
  std::optional<et::Program> program_;
  std::optional<LoadedMethod> forward_;
  std::vector<float> state_, initial_state_;
  std::vector<TensorImpl::SizesType> state_sizes_;
  TensorImpl::DimOrderType state_order_[3] = {0, 1, 2}, token_order_[2] = {0, 1};
  TensorImpl::SizesType token_sizes_[2] = {1, 1};
  TensorImpl::StridesType token_strides_[2] = {1, 1};
  int64_t token_ = 0;
  TensorImpl token_tensor_{ScalarType::Long, 2, token_sizes_, &token_, token_order_, token_strides_};
};

}  // namespace

int main(int count, char** arguments) {
  const auto options = pocketlm::parse_options(count, arguments, "mmap", "distribution");
  prepare_runtime();
  if (access(options.model, R_OK) != 0) fail("%s: no such file", options.model);
  pocketlm::Replay replay(options);
  replay.loading();
  Network network(options.model, options.load, static_cast<int32_t>(options.end));
  replay.loaded(network.vocabulary);
  if (options.dump_logits) {
    network.dump(pocketlm::read_tokens(options.tokens, options.end), options.dump_logits);
  } else {
    replay.run(network);
    replay.print(network.planned_bytes());
  }
  fflush(stdout);
  _exit(0);  // no destructors: the process ends as an app's would, and nothing is left to write
}
