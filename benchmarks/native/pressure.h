// What memory pressure does to a process: its file pages are taken away, and the next step waits.
//
//   steady steps -> drop the model's pages, the page cache still has them  -> step, step, ...  "dropped"
//                -> drop them, and the page cache's too                    -> step, step, ...  "cold"
//                -> drop the pages of the program's and its libraries' code -> step, step, ... "code"
//
// Only what the kernel may drop is dropped: read-only mappings of files. Private memory has no place to
// go without swap, so that a model held there has nothing to drop, and its file's page cache is not its
// own. Of the runtime's files, code alone is dropped: their other read-only pages may be relocated
// ones, which are private. Their page cache stays, as other processes map the same libraries.
#pragma once
#include <sys/resource.h>
#include <sys/stat.h>

#include "memory.h"

namespace pocketlm {

constexpr size_t kRecoverySteps = 200;  // after each drop
constexpr size_t kRecoveryWindow = 10;  // steps of which the median decides
constexpr size_t kShownSteps = 20;
constexpr int kMostMappings = 256;

enum class Pages { kModel, kCode };

struct Range {
  uintptr_t start, end;
};

struct Ranges {
  Range found[kMostMappings];
  int count = 0;
};

inline Ranges evictable(Pages pages) {
  Ranges ranges;
  read_lines("/proc/self/maps", [&](char* text) {
    Mapping mapping;
    if (!parse_mapping(text, mapping) || !mapping.is_file() || mapping.permissions[1] == 'w') return;
    const bool wanted = pages == Pages::kModel ? mapping.is_model()
                                               : !mapping.is_model() && mapping.permissions[2] == 'x';
    if (wanted && ranges.count < kMostMappings) ranges.found[ranges.count++] = {mapping.start, mapping.end};
  });
  return ranges;
}

inline void drop_pages(const Ranges& ranges) {
  for (int i = 0; i < ranges.count; ++i) {
    const Range& range = ranges.found[i];
    if (madvise(reinterpret_cast<void*>(range.start), range.end - range.start, MADV_DONTNEED) != 0)
      fail("the kernel does not drop pages of a mapping");
  }
}

// Pages of the model's files that are in the page cache, and all of them. The kernel says this to who
// may write a file, or owns it; to anyone else all pages look cached.
struct CachedPages {
  size_t cached, all;
};

inline CachedPages cached_model_pages() {
  CachedPages pages{};
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  auto* here = reinterpret_cast<unsigned char*>(line_buffer);
  for (int i = 0; i < model_file_count; ++i) {
    const int file = open(model_files[i], O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (file < 0 || fstat(file, &status) != 0) fail("%s cannot be read", model_files[i]);
    const size_t bytes = S_ISREG(status.st_mode) ? static_cast<size_t>(status.st_size) : 0;
    for (size_t at = 0; at < bytes; at += kBufferBytes * page) {
      const size_t length = std::min(bytes - at, kBufferBytes * page), count = (length + page - 1) / page;
      void* memory = mmap(nullptr, length, PROT_READ, MAP_SHARED, file, static_cast<off_t>(at));
      if (memory == MAP_FAILED || mincore(memory, length, here) != 0) fail("%s cannot be mapped", model_files[i]);
      munmap(memory, length);
      for (size_t k = 0; k < count; ++k) pages.cached += here[k] & 1;
      pages.all += count;
    }
    close(file);
  }
  return pages;
}

// The page cache keeps what another process has mapped.
inline void drop_model_page_cache() {
  for (int i = 0; i < model_file_count; ++i) {
    const int file = open(model_files[i], O_RDONLY | O_CLOEXEC);
    if (file < 0) fail("%s cannot be read", model_files[i]);
    fsync(file);  // pages not yet written cannot be dropped
    posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    close(file);
  }
}

struct Faults {
  long minor, major;
};

inline Faults faults_so_far() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return {usage.ru_minflt, usage.ru_majflt};
}

inline Faults faults_since(const Faults& before) {
  const Faults now = faults_so_far();
  return {now.minor - before.minor, now.major - before.major};
}

// The median of [count] values, which are left in another order.
inline float median_of(float* values, size_t count) {
  std::nth_element(values, values + count / 2, values + count);
  return values[count / 2];
}

struct Drop {
  long file_backed_before, file_backed_after, file_backed_end;
  CachedPages page_cache;  // when the first step began
  float times[kRecoverySteps];
  Faults first, all;
};

// `file_backed()` is what is dropped, in bytes; `next_step()` makes a step and gives its microseconds.
template <typename Dropping, typename FileBacked, typename Step>
void measure_drop(Drop& drop, Dropping&& dropping, FileBacked&& file_backed, Step&& next_step) {
  drop.file_backed_before = file_backed();
  dropping();
  drop.file_backed_after = file_backed();
  drop.page_cache = cached_model_pages();
  const Faults before = faults_so_far();
  drop.times[0] = next_step();
  drop.first = faults_since(before);
  for (size_t i = 1; i < kRecoverySteps; ++i) drop.times[i] = next_step();
  drop.all = faults_since(before);
  drop.file_backed_end = file_backed();
}

// Steps before one that, like the median of the next `kRecoveryWindow`, is within twice the steady one;
// -1 if there is none.
inline long steps_until_steady(const Drop& drop, float steady) {
  float window[kRecoveryWindow];
  for (size_t i = 0; i + kRecoveryWindow <= kRecoverySteps; ++i) {
    std::copy(drop.times + i, drop.times + i + kRecoveryWindow, window);
    if (std::max(drop.times[i], median_of(window, kRecoveryWindow)) <= 2 * steady) return static_cast<long>(i);
  }
  return -1;
}

inline void print_drop(FILE* out, const char* name, const Drop& drop, float steady) {
  fprintf(out, ", \"%s\": {\"file_backed_before\": %ld, \"file_backed_after\": %ld, \"file_backed_end\": %ld, ",
          name, drop.file_backed_before, drop.file_backed_after, drop.file_backed_end);
  fprintf(out, "\"page_cache_resident\": %.6g, ",
          drop.page_cache.all ? static_cast<double>(drop.page_cache.cached) / static_cast<double>(drop.page_cache.all) : 0.0);
  fprintf(out, "\"first_us\": %.3f, \"first_faults\": {\"minor\": %ld, \"major\": %ld}, ",
          static_cast<double>(drop.times[0]), drop.first.minor, drop.first.major);
  const long until = steps_until_steady(drop, steady);
  fputs("\"steps_until_steady\": ", out);
  until < 0 ? fputs("null", out) : fprintf(out, "%ld", until);
  fprintf(out, ", \"steps\": %zu, \"faults\": {\"minor\": %ld, \"major\": %ld}, \"first_steps_us\": [", kRecoverySteps,
          drop.all.minor, drop.all.major);
  for (size_t i = 0; i < kShownSteps; ++i)
    fprintf(out, "%s%.3f", i ? ", " : "", static_cast<double>(drop.times[i]));
  fputs("]}", out);
}

}  // namespace pocketlm
