// Snapshots of this process's memory from /proc/self/smaps, without heap noise of their own.
//
//   /proc/self/smaps -> 64 KiB static buffer, touched before the first snapshot -> Snapshot (bytes)
//
// A mapping is a model file's when its path is one that `track_model_file` was told of.
#pragma once
#include <fcntl.h>
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace pocketlm {

// Bytes. Clean pages of file mappings (file_backed) can be dropped and read again by the kernel, and
// are shared between processes; private dirty pages belong to this process and cannot be dropped.
struct Memory {
  long rss, pss, private_dirty, private_clean, shared_clean, shared_dirty, file_backed;
};

struct Snapshot {
  Memory total, model_file;
};

constexpr int kMostModelFiles = 16;
inline char model_files[kMostModelFiles][PATH_MAX];
inline int model_file_count = 0;

// Remember a model file by its real path, the one that smaps prints.
inline void track_model_file(const char* path) {
  if (model_file_count < kMostModelFiles && realpath(path, model_files[model_file_count]))
    ++model_file_count;
}

inline bool is_model_file(const char* path) {
  for (int i = 0; i < model_file_count; ++i)
    if (strcmp(path, model_files[i]) == 0) return true;
  return false;
}

// Adds up the lines of smaps as they come.
class SmapsParser {
 public:
  void line(char* text) {
    const char first = text[0];
    if ((first >= '0' && first <= '9') || (first >= 'a' && first <= 'f')) {
      const char* path = strchr(text, '/');
      of_file_ = path != nullptr;
      of_model_ = path && is_model_file(path);
      return;
    }
    field(text, "Rss:", &Memory::rss, false);
    field(text, "Pss:", &Memory::pss, false);
    field(text, "Private_Dirty:", &Memory::private_dirty, false);
    field(text, "Private_Clean:", &Memory::private_clean, true);
    field(text, "Shared_Clean:", &Memory::shared_clean, true);
    field(text, "Shared_Dirty:", &Memory::shared_dirty, false);
  }

  Snapshot snapshot{};

 private:
  void field(const char* text, const char* name, long Memory::*member, bool clean) {
    const size_t length = strlen(name);
    if (strncmp(text, name, length) != 0) return;
    const long bytes = strtol(text + length, nullptr, 10) * 1024;
    add(snapshot.total, member, bytes, clean && of_file_);
    if (of_model_) add(snapshot.model_file, member, bytes, clean);
  }

  static void add(Memory& memory, long Memory::*member, long bytes, bool file_backed) {
    memory.*member += bytes;
    if (file_backed) memory.file_backed += bytes;
  }

  bool of_file_ = false, of_model_ = false;
};

inline char smaps_buffer[65536];

inline Snapshot take_snapshot() {
  SmapsParser parser;
  const int file = open("/proc/self/smaps", O_RDONLY | O_CLOEXEC);
  if (file < 0) return parser.snapshot;
  size_t held = 0;
  for (ssize_t got; (got = read(file, smaps_buffer + held, sizeof smaps_buffer - 1 - held)) > 0;) {
    held += static_cast<size_t>(got);
    smaps_buffer[held] = 0;
    char* start = smaps_buffer;
    for (char* end; (end = strchr(start, '\n')); start = end + 1) {
      *end = 0;
      parser.line(start);
    }
    held = static_cast<size_t>(smaps_buffer + held - start);
    memmove(smaps_buffer, start, held);
  }
  close(file);
  return parser.snapshot;
}

inline void print_memory(FILE* out, const Memory& memory) {
  fprintf(out,
          "\"rss\": %ld, \"pss\": %ld, \"private_dirty\": %ld, \"private_clean\": %ld, "
          "\"shared_clean\": %ld, \"shared_dirty\": %ld, \"file_backed\": %ld",
          memory.rss, memory.pss, memory.private_dirty, memory.private_clean, memory.shared_clean,
          memory.shared_dirty, memory.file_backed);
}

inline void print_snapshot(FILE* out, const char* name, const Snapshot& snapshot) {
  fprintf(out, "\"%s\": {", name);
  print_memory(out, snapshot.total);
  fputs(", \"model_file\": {", out);
  print_memory(out, snapshot.model_file);
  fputs("}}", out);
}

// Touch everything that a snapshot writes, so that the first one already holds it.
inline void prepare_snapshots() {
  memset(smaps_buffer, 1, sizeof smaps_buffer);
  take_snapshot();
}

}  // namespace pocketlm
