// Replays token ids through a model, and says what it took: memory, time, and nats.
//
//   tokens.int32 -> begin, step, step, ..., end -> next line ...
//                   snapshots: before load, after load, after the first step, after the last
//                   -> one JSON object on standard output
//
// A Model has: `begin()` puts it at the start of a line; `step(token)` moves past a word's token and
// returns the log-probability that the token had; `end()` returns that of the end token. `step_us` is
// of `step` alone, which is what a keyboard does when a word was typed; `begin_us` is the mean of
// `begin`, which for a network is one more step. The harness keeps nothing for the model.
#pragma once
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstdarg>
#include <cstdint>
#include <string>

#include "memory.h"

namespace pocketlm {

[[noreturn]] inline void fail(const char* format, ...) {
  char message[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  for (char* c = message; *c; ++c)
    if (*c == '\n') *c = ' ';
  fprintf(stderr, "error: %s\n", message);
  fflush(stderr);
  _exit(2);
}

// The options that all runners share; `load` and `work` are each runner's own words.
struct Options {
  const char* model = nullptr;
  const char* tokens = nullptr;
  const char* dump_logits = nullptr;
  std::string load, work;
  long end = -1, steps = 0, vocabulary = 0;
};

inline long parse_number(const char* name, const char* text) {
  char* rest;
  const long value = strtol(text, &rest, 10);
  if (*rest || rest == text || value < 0) fail("%s takes a number, not %s", name, text);
  return value;
}

inline Options parse_options(int count, char** arguments, const char* load, const char* work) {
  Options options;
  options.load = load;
  options.work = work;
  for (int i = 1; i < count; ++i) {
    const std::string name = arguments[i];
    if (name.rfind("--", 0) != 0) {
      options.model = arguments[i];
      continue;
    }
    if (i + 1 == count) fail("%s needs a value", name.c_str());
    const char* value = arguments[++i];
    if (name == "--tokens") options.tokens = value;
    else if (name == "--load") options.load = value;
    else if (name == "--work") options.work = value;
    else if (name == "--dump-logits") options.dump_logits = value;
    else if (name == "--end") options.end = parse_number("--end", value);
    else if (name == "--steps") options.steps = parse_number("--steps", value);
    else if (name == "--vocabulary") options.vocabulary = parse_number("--vocabulary", value);
    else fail("unknown option %s", name.c_str());
  }
  if (!options.model || !options.tokens || options.end < 0)
    fail("usage: RUNNER MODEL --tokens FILE --end ID [--steps N] [--load HOW] [--work WHAT]");
  return options;
}

// Anonymous memory, touched, so that it is all there before the first snapshot.
template <typename T>
T* harness_array(size_t count) {
  const size_t bytes = std::max<size_t>(1, count) * sizeof(T);
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail("no memory for %zu bytes", bytes);
  memset(memory, 1, bytes);
  return static_cast<T*>(memory);
}

// Token ids in memory; every line is ended by the end token.
struct Tokens {
  const int32_t* ids;
  size_t count, words;
};

inline Tokens read_tokens(const char* path, long end) {
  FILE* file = fopen(path, "rb");
  struct stat status;
  if (!file || fstat(fileno(file), &status) != 0) fail("%s: no such token file", path);
  const size_t count = static_cast<size_t>(status.st_size) / sizeof(int32_t);
  if (count == 0 || status.st_size % static_cast<long>(sizeof(int32_t)))
    fail("%s is not a file of 32-bit token ids", path);
  setvbuf(file, nullptr, _IONBF, 0);
  int32_t* ids = harness_array<int32_t>(count);
  if (fread(ids, sizeof(int32_t), count, file) != count) fail("%s cannot be read", path);
  fclose(file);
  size_t words = 0;
  for (size_t i = 0; i < count; ++i) {
    if (ids[i] < 0) fail("%s: token %zu is negative", path, i);
    words += ids[i] != end;
  }
  if (ids[count - 1] != end || words == 0) fail("%s: lines of tokens, each ended by token %ld, are expected", path, end);
  return {ids, count, words};
}

inline double now_us() {
  using clock = std::chrono::steady_clock;
  return std::chrono::duration<double, std::micro>(clock::now().time_since_epoch()).count();
}

inline long thread_count() {
  static char text[4096];
  const int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  const ssize_t got = file < 0 ? 0 : read(file, text, sizeof text - 1);
  if (file >= 0) close(file);
  text[std::max<ssize_t>(got, 0)] = 0;
  const char* threads = strstr(text, "Threads:");
  return threads ? strtol(threads + 8, nullptr, 10) : 0;
}

// One replay: make it, `loading`, load the model, `loaded`, `run`, `print`.
class Replay {
 public:
  explicit Replay(const Options& options)
      : tokens_(read_tokens(options.tokens, options.end)),
        end_(options.end),
        steps_(options.steps ? static_cast<size_t>(options.steps) : tokens_.words),
        whole_(options.steps == 0),
        times_(harness_array<float>(steps_)) {
    track_model_file(options.model);
    prepare_snapshots();
  }

  void loading() {
    before_load_ = take_snapshot();
    load_us_ = now_us();
  }

  void loaded(size_t vocabulary) {
    load_us_ = now_us() - load_us_;
    after_load_ = take_snapshot();
    for (size_t i = 0; i < tokens_.count; ++i)
      if (static_cast<size_t>(tokens_.ids[i]) >= vocabulary)
        fail("token %d is outside the model's vocabulary of %zu", tokens_.ids[i], vocabulary);
  }

  // With --steps, the file is replayed from its start as often as it takes; else once, to its end.
  template <typename Model>
  void run(Model& model) {
    size_t at = 0;
    begin(model);
    while (whole_ ? at < tokens_.count : done_ < steps_) {
      const int32_t token = tokens_.ids[at % tokens_.count];
      ++at;
      ++scored_;
      if (token == end_) {
        nats_ -= model.end();
        if (!whole_ || at < tokens_.count) begin(model);
        continue;
      }
      const double start = now_us();
      nats_ -= model.step(token);
      times_[done_++] = static_cast<float>(now_us() - start);
      if (done_ == 1) after_first_ = take_snapshot();
    }
    after_replay_ = take_snapshot();
  }

  void print(size_t planned_bytes) {
    std::sort(times_, times_ + done_);
    printf("{\"load_us\": %.1f, \"steps\": %zu, \"tokens\": %zu, \"threads\": %ld, ", load_us_, done_,
           scored_, thread_count());
    printf("\"step_us\": {\"min\": %.3f, \"median\": %.3f, \"p99\": %.3f}, ", times_[0],
           times_[done_ / 2], times_[done_ * 99 / 100]);
    printf("\"nats\": %.9g, \"planned_bytes\": %zu, ", nats_, planned_bytes);
    printf("\"begins\": %zu, \"begin_us\": %.3f, ", begins_, begin_us_ / static_cast<double>(begins_));
    print_snapshot(stdout, "before_load", before_load_);
    fputs(", ", stdout);
    print_snapshot(stdout, "after_load", after_load_);
    fputs(", ", stdout);
    print_snapshot(stdout, "after_first", after_first_);
    fputs(", ", stdout);
    print_snapshot(stdout, "after_replay", after_replay_);
    puts("}");
    fflush(stdout);
  }

 private:
  template <typename Model>
  void begin(Model& model) {
    const double start = now_us();
    model.begin();
    begin_us_ += now_us() - start;
    ++begins_;
  }

  Tokens tokens_;
  long end_;
  size_t steps_;
  bool whole_;
  float* times_;
  size_t done_ = 0, scored_ = 0, begins_ = 0;
  double nats_ = 0, begin_us_ = 0, load_us_ = 0;
  Snapshot before_load_{}, after_load_{}, after_first_{}, after_replay_{};
};

}  // namespace pocketlm
