// A program as the ExecuTorch runner reads and runs it. The runtime's own library is not instrumented.
#define main runner_main
#include "../executorch_runner.cpp"
#undef main
#include "input.h"

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  prepare_runtime();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string content(reinterpret_cast<const char*>(data), size);
  const std::string path = pocketlm::write_file("model.pte", content);
  return pocketlm::try_input([&] {
    Network network(path.c_str(), "mmap", 1);
    network.begin();
    for (const int32_t token : {17, 300, 2})
      if (static_cast<size_t>(token) < network.vocabulary) network.step(token);
    network.end();
  });
}
