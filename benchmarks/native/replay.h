// Replays token ids through a model, and says what it took: memory, time, and nats.
//
//   tokens.int32 -> begin, step, step, ..., end -> next line ...
//                   snapshots: before load, after load, after the first step, after the last
//                   -> with --pressure, pressure.h
//                   -> one JSON object on standard output
//
// A Model has: `begin()` puts it at the start of a line; `step(token)` moves past a word's token and
// returns the log-probability that the token had; `end()` returns that of the end token; `state_bytes()`
// is what a conversation has to keep. `step_us` is of `step` alone, which is what a keyboard does when a
// word was typed; `begin_us` is the mean of `begin`, which for a network is one more step. `cpu_share` is
// the processor's time over the clock's: well below 1, other processes had the processor in between,
// which makes long steps longer and leaves the median of short ones alone. The harness keeps nothing for
// the model.
#pragma once
#include <chrono>
#include <cmath>
#include <string>

#include "pressure.h"

namespace pocketlm {

// The options that all runners share; `load` and `work` are each runner's own words.
struct Options {
  const char* model = nullptr;
  const char* tokens = nullptr;
  const char* dump_logits = nullptr;
  std::string load, work;
  long end = -1, steps = 0, vocabulary = 0;
  double add_k = -1;  // none
  bool pressure = false;
};

inline long parse_number(const char* name, const char* text) {
  char* rest;
  const long value = strtol(text, &rest, 10);
  if (*rest || rest == text || value < 0) fail("%s takes a number, not %s", name, text);
  return value;
}

inline double parse_k(const char* text) {
  char* rest;
  const double value = strtod(text, &rest);
  if (*rest || rest == text || !(value >= 0 && value < 1e300)) fail("--add-k takes a number, not %s", text);
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
    if (name == "--pressure") {
      options.pressure = true;
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
    else if (name == "--add-k") options.add_k = parse_k(value);
    else fail("unknown option %s", name.c_str());
  }
  if (!options.model || !options.tokens || options.end < 0)
    fail("usage: RUNNER MODEL --tokens FILE --end ID [--steps N] [--load HOW] [--work WHAT] [--pressure]");
  return options;
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

inline double cpu_us() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) * 1e-3;
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

// JSON has no infinity: it is null, as in what Python writes.
inline void print_number(FILE* out, double value) {
  char text[32];
  snprintf(text, sizeof text, "%.9g", value);
  fputs(strpbrk(text, "in") ? "null" : text, out);  // inf, nan: also where -ffast-math knows neither
}

// One replay: make it, `loading`, load the model, `loaded`, `run`, `print`.
class Replay {
 public:
  explicit Replay(const Options& options)
      : tokens_(read_tokens(options.tokens, options.end)),
        end_(options.end),
        steps_(options.steps ? static_cast<size_t>(options.steps) : tokens_.words),
        whole_(options.steps == 0),
        pressure_(options.pressure),
        times_(harness_array<float>(steps_)),
        drops_(harness_array<Drop>(kDrops)) {
    track_model_file(options.model);
    snapshots_ = prepare_snapshots(kSnapshots);
  }

  void loading() {
    page_cache_ = cached_model_pages();
    take_snapshot(snapshots_[kBeforeLoad]);
    load_us_ = now_us();
  }

  void loaded(size_t vocabulary) {
    load_us_ = now_us() - load_us_;
    take_snapshot(snapshots_[kAfterLoad]);
    for (size_t i = 0; i < tokens_.count; ++i)
      if (static_cast<size_t>(tokens_.ids[i]) >= vocabulary)
        fail("token %d is outside the model's vocabulary of %zu", tokens_.ids[i], vocabulary);
  }

  // With --steps, the file is replayed from its start as often as it takes; else once, to its end.
  template <typename Model>
  void run(Model& model) {
    const double cpu = cpu_us(), start_of_all = now_us();
    begin(model);
    while (whole_ ? at_ < tokens_.count : done_ < steps_) {
      const int32_t token = tokens_.ids[at_ % tokens_.count];
      ++at_;
      ++scored_;
      if (token == end_) {
        add(model.end());
        if (!whole_ || at_ < tokens_.count) begin(model);
        continue;
      }
      const double start = now_us();
      const double score = model.step(token);
      times_[done_++] = static_cast<float>(now_us() - start);
      add(score);
      if (done_ == 1) take_snapshot(snapshots_[kAfterFirst]);
    }
    cpu_share_ = (cpu_us() - cpu) / (now_us() - start_of_all);
    take_snapshot(snapshots_[kAfterReplay]);
    state_bytes_ = model.state_bytes();
    if (pressure_) press(model);
  }

  void print(size_t planned_bytes) {
    std::sort(times_, times_ + done_);
    printf("{\"load_us\": %.1f, \"steps\": %zu, \"tokens\": %zu, \"threads\": %ld, ", load_us_, done_,
           scored_, thread_count());
    printf("\"step_us\": {\"min\": %.3f, \"median\": %.3f, \"p99\": %.3f}, ", times_[0],
           times_[done_ / 2], times_[done_ * 99 / 100]);
    printf("\"cpu_share\": %.4f, ", cpu_share_);
    fputs("\"nats\": ", stdout);
    print_number(stdout, nats_);
    printf(", \"impossible_tokens\": %zu, \"planned_bytes\": %zu, ", impossible_, planned_bytes);
    printf("\"state_bytes\": %zu, \"page_cache_resident\": %.6g, ", state_bytes_,
           static_cast<double>(page_cache_.cached) / static_cast<double>(std::max<size_t>(1, page_cache_.all)));
    printf("\"begins\": %zu, \"begin_us\": %.3f", begins_, begin_us_ / static_cast<double>(begins_));
    for (size_t i = 0; i < kSnapshots - 1; ++i) {
      fputs(", ", stdout);
      print_snapshot(stdout, kSnapshotNames[i], snapshots_[i]);
    }
    if (pressure_) print_pressure();
    puts("}");
    fflush(stdout);
  }

 private:
  enum { kBeforeLoad, kAfterLoad, kAfterFirst, kAfterReplay, kNow, kSnapshots };
  static constexpr const char* kSnapshotNames[] = {"before_load", "after_load", "after_first", "after_replay"};
  enum { kDropped, kCold, kCode, kDrops };

  template <typename Model>
  void begin(Model& model) {
    const double start = now_us();
    model.begin();
    begin_us_ += now_us() - start;
    ++begins_;
  }

  // Scores are summed; where a model excludes a token, the sum is infinite.
  void add(double score) {
    nats_ -= score;
    impossible_ += std::isinf(score);
  }

  // Moves past line ends, so that the next token is a word's.
  template <typename Model>
  void pass_ends(Model& model) {
    for (; tokens_.ids[at_ % tokens_.count] == end_; ++at_) model.begin();
  }

  template <typename Model>
  void press(Model& model) {
    const size_t last = std::min<size_t>(done_, 100);
    float* const times = harness_array<float>(last);
    std::copy(times_ + done_ - last, times_ + done_, times);
    steady_us_ = median_of(times, last);
    if (whole_) model.begin();  // the text's last line has ended
    const auto next_step = [&] {
      pass_ends(model);
      const double start = now_us();
      model.step(tokens_.ids[at_ % tokens_.count]);
      const double took = now_us() - start;
      ++at_;
      return static_cast<float>(took);
    };
    const auto model_bytes = [&] {
      take_snapshot(snapshots_[kNow]);
      return snapshots_[kNow].model_file.file_backed;
    };
    const auto other_bytes = [&] {
      take_snapshot(snapshots_[kNow]);
      return snapshots_[kNow].total.file_backed - snapshots_[kNow].model_file.file_backed;
    };
    const auto drop_model = [] { drop_pages(evictable(Pages::kModel)); };
    evictable_bytes_ = model_bytes();
    mapped_ = evictable(Pages::kModel).count > 0;
    if (mapped_) {
      pass_ends(model);  // the step after the drop is one that is timed
      measure_drop(drops_[kDropped], drop_model, model_bytes, next_step);
      pass_ends(model);
      const auto drop_cache_too = [&] { drop_model(), drop_model_page_cache(); };
      measure_drop(drops_[kCold], drop_cache_too, model_bytes, next_step);
    }
    pass_ends(model);
    measure_drop(drops_[kCode], [] { drop_pages(evictable(Pages::kCode)); }, other_bytes, next_step);
  }

  void print_pressure() {
    printf(", \"pressure\": {\"evictable_bytes\": %ld, \"steady_us\": %.3f", evictable_bytes_,
           static_cast<double>(steady_us_));
    for (const auto& [name, drop] : {std::pair("dropped", kDropped), std::pair("cold", kCold), std::pair("code", kCode)}) {
      if (mapped_ || drop == kCode)
        print_drop(stdout, name, drops_[drop], steady_us_);
      else
        printf(", \"%s\": null", name);
    }
    fputs("}", stdout);
  }

  Tokens tokens_;
  long end_;
  size_t steps_;
  bool whole_, pressure_, mapped_ = false;
  float* times_;
  Drop* drops_;
  Snapshot* snapshots_ = nullptr;
  CachedPages page_cache_{};
  size_t at_ = 0, done_ = 0, scored_ = 0, begins_ = 0, impossible_ = 0, state_bytes_ = 0;
  double nats_ = 0, begin_us_ = 0, load_us_ = 0, cpu_share_ = 0;
  long evictable_bytes_ = 0;
  float steady_us_ = 0;
};

}  // namespace pocketlm
