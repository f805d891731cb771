// What a measuring program needs for itself: its one line on failure, memory that is not the model's.
#pragma once
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#ifdef POCKETLM_FUZZ
#include <memory>
#include <stdexcept>
#include <vector>
#endif

namespace pocketlm {

// The message is the program's one line of error, and its end; a fuzzed one goes on with other inputs.
[[noreturn]] inline void fail(const char* format, ...) {
  char message[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  for (char* c = message; *c; ++c)
    if (*c == '\n') *c = ' ';
#ifdef POCKETLM_FUZZ
  throw std::runtime_error(message);
#endif
  fprintf(stderr, "error: %s\n", message);
  fflush(stderr);
  _exit(2);
}

constexpr int kMostHarnessArrays = 16;
inline uintptr_t harness_starts[kMostHarnessArrays];
inline int harness_count = 0;

inline bool is_harness(uintptr_t start) {
  return std::find(harness_starts, harness_starts + harness_count, start) != harness_starts + harness_count;
}

#ifdef POCKETLM_FUZZ
inline std::vector<std::unique_ptr<char[]>> fuzzed_arrays;  // cleared after each input

template <typename T>
T* harness_array(size_t count) {
  fuzzed_arrays.emplace_back(new char[count * sizeof(T)]);
  return reinterpret_cast<T*>(fuzzed_arrays.back().get());
}
#else
// Anonymous memory, touched, so that it is all there before the first snapshot. A page on either side
// that cannot be used keeps it a mapping of its own, so that a snapshot can tell it from the model's.
template <typename T>
T* harness_array(size_t count) {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t bytes = (std::max<size_t>(1, count) * sizeof(T) + page - 1) / page * page;
  void* guarded = mmap(nullptr, bytes + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (guarded == MAP_FAILED) fail("no memory for %zu bytes", bytes);
  char* memory = static_cast<char*>(guarded) + page;
  if (mprotect(memory, bytes, PROT_READ | PROT_WRITE) != 0) fail("no memory for %zu bytes", bytes);
  if (harness_count == kMostHarnessArrays) fail("more than %d harness arrays", kMostHarnessArrays);
  harness_starts[harness_count++] = reinterpret_cast<uintptr_t>(memory);
  memset(memory, 1, bytes);
  return reinterpret_cast<T*>(memory);
}
#endif

}  // namespace pocketlm
