// What every runner is given beside a model: its command line (words with a zero after each), and tokens.
#include "input.h"

#include "../replay.h"

namespace {

struct Counting {
  void begin() {}
  double step(int32_t token) { return -token; }
  double end() const { return -1; }
  size_t state_bytes() const { return 0; }
};

void run(const uint8_t* data, size_t size) {
  const auto parts = pocketlm::split_parts(data, size, 2);
  const std::string path = pocketlm::write_file("tokens", parts[1]);
  std::string words = "runner" + std::string(1, 0) + parts[0] + std::string(1, 0);
  std::vector<char*> arguments;
  for (size_t at = 0; at < words.size(); at += strlen(&words[at]) + 1) arguments.push_back(&words[at]);
  auto options = pocketlm::parse_options(static_cast<int>(arguments.size()), arguments.data(), "mapped", "score");
  options.steps = std::min(options.steps, 1000L);  // as many numbers are kept
  options.tokens = path.c_str();
  options.pressure = false;
  pocketlm::model_file_count = 0;
  pocketlm::Replay replay(options);
  replay.loading();
  replay.loaded(1 << 16);
  Counting model;
  replay.run(model);
  pocketlm::print_number(stderr, 0.0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return pocketlm::try_input([&] { run(data, size); });
}
