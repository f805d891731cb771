// Snapshots of this process's memory from /proc/self/smaps, without heap noise of their own.
//
//   /proc/self/smaps -> 64 KiB buffer, touched before the first snapshot -> Snapshot (bytes)
//
// A mapping is a model file's when its path is one that `track_model_file` was told of. A snapshot has
// the sums over all mappings, those of the model's files, and those of each group of mappings:
//   model_file    the model's files                 heap, stack, vdso   as smaps names them
//   runner        this program's own file           harness             tokens, times, snapshots
//   libX.so       each library                      anonymous           all else: .bss, mmap, arenas
#pragma once
#include <climits>

#include "harness.h"

namespace pocketlm {

// Bytes. Clean pages of file mappings (file_backed) can be dropped and read again by the kernel, and
// are shared between processes; private dirty pages belong to this process and cannot be dropped.
struct Memory {
  long rss, pss, private_dirty, private_clean, shared_clean, shared_dirty, file_backed;
};

constexpr size_t kGroupNameBytes = 64;
constexpr int kMostGroups = 48;  // the last one takes what is beyond

struct Group {
  char name[kGroupNameBytes];
  Memory memory;
};

struct Snapshot {
  Memory total, model_file;
  Group groups[kMostGroups];
  int group_count;
};

constexpr int kMostModelFiles = 24;
inline char model_files[kMostModelFiles][PATH_MAX];
inline int model_file_count = 0;
inline char runner_file[PATH_MAX];

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

constexpr size_t kBufferBytes = 65536;
inline char* line_buffer = nullptr;

// A file of /proc line by line; `line` may change the text.
template <typename Line>
void read_lines(const char* path, Line&& line) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) fail("%s cannot be read", path);
  size_t held = 0;
  for (ssize_t got; (got = read(file, line_buffer + held, kBufferBytes - 1 - held)) > 0;) {
    held += static_cast<size_t>(got);
    line_buffer[held] = 0;
    char* start = line_buffer;
    for (char* end; (end = strchr(start, '\n')); start = end + 1) {
      *end = 0;
      line(start);
    }
    held = static_cast<size_t>(line_buffer + held - start);
    memmove(line_buffer, start, held);
  }
  close(file);
}

// The line that begins a mapping: "start-end perms offset device inode   path".
struct Mapping {
  uintptr_t start, end;
  char permissions[5];
  const char* name;  // a path, "[heap]" and the like, or ""

  bool is_file() const { return name[0] == '/'; }
  bool is_model() const { return is_file() && is_model_file(name); }
};

// Whether a line is one; its name points into the line.
inline bool parse_mapping(const char* line, Mapping& mapping) {
  unsigned long start, end;
  int name = 0;
  if (sscanf(line, "%lx-%lx %4s %*s %*s %*s %n", &start, &end, mapping.permissions, &name) < 3 || name == 0)
    return false;
  mapping.start = start;
  mapping.end = end;
  mapping.name = line + name;
  return true;
}

inline const char* group_name(const Mapping& mapping) {
  if (is_harness(mapping.start)) return "harness";
  if (mapping.is_model()) return "model_file";
  if (strcmp(mapping.name, runner_file) == 0) return "runner";
  if (mapping.is_file()) return strrchr(mapping.name, '/') + 1;
  if (strcmp(mapping.name, "[heap]") == 0) return "heap";
  if (strcmp(mapping.name, "[stack]") == 0) return "stack";
  if (strncmp(mapping.name, "[v", 2) == 0) return "vdso";  // and the pages that it reads
  return "anonymous";
}

// Adds up the lines of smaps as they come.
class SmapsParser {
 public:
  explicit SmapsParser(Snapshot& snapshot) : snapshot_(snapshot) { memset(&snapshot, 0, sizeof snapshot); }

  void line(char* text) {
    if (!(text[0] >= 'A' && text[0] <= 'Z')) {
      Mapping mapping;
      if (!parse_mapping(text, mapping)) return;
      of_file_ = mapping.is_file();
      of_model_ = mapping.is_model();
      group_ = &group(group_name(mapping));
      return;
    }
    field(text, "Rss:", &Memory::rss, false);
    field(text, "Pss:", &Memory::pss, false);
    field(text, "Private_Dirty:", &Memory::private_dirty, false);
    field(text, "Private_Clean:", &Memory::private_clean, true);
    field(text, "Shared_Clean:", &Memory::shared_clean, true);
    field(text, "Shared_Dirty:", &Memory::shared_dirty, false);
  }

 private:
  Memory& group(const char* name) {
    int i = 0;
    while (i < snapshot_.group_count && strncmp(snapshot_.groups[i].name, name, kGroupNameBytes - 1) != 0) ++i;
    if (i == snapshot_.group_count) {
      if (i == kMostGroups) return snapshot_.groups[i - 1].memory;
      strncpy(snapshot_.groups[i].name, i == kMostGroups - 1 ? "other" : name, kGroupNameBytes - 1);
      ++snapshot_.group_count;
    }
    return snapshot_.groups[i].memory;
  }

  void field(const char* text, const char* name, long Memory::*member, bool clean) {
    const size_t length = strlen(name);
    if (!group_ || strncmp(text, name, length) != 0) return;
    const long bytes = strtol(text + length, nullptr, 10) * 1024;
    add(snapshot_.total, member, bytes, clean);
    add(*group_, member, bytes, clean);
    if (of_model_) add(snapshot_.model_file, member, bytes, clean);
  }

  void add(Memory& memory, long Memory::*member, long bytes, bool clean) const {
    memory.*member += bytes;
    if (clean && of_file_) memory.file_backed += bytes;
  }

  Snapshot& snapshot_;
  Memory* group_ = nullptr;
  bool of_file_ = false, of_model_ = false;
};

inline void take_snapshot(Snapshot& snapshot) {
  SmapsParser parser(snapshot);
  read_lines("/proc/self/smaps", [&](char* text) { parser.line(text); });
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
  fputs("}, \"groups\": {", out);
  for (int i = 0; i < snapshot.group_count; ++i) {
    fprintf(out, "%s\"%s\": {", i ? ", " : "", snapshot.groups[i].name);
    print_memory(out, snapshot.groups[i].memory);
    fputs("}", out);
  }
  fputs("}}", out);
}

// Snapshots [count], with everything touched that taking one writes, so that the first already holds it.
inline Snapshot* prepare_snapshots(size_t count) {
  line_buffer = harness_array<char>(kBufferBytes);
  Snapshot* snapshots = harness_array<Snapshot>(count);
  const ssize_t length = readlink("/proc/self/exe", runner_file, sizeof runner_file - 1);
  runner_file[std::max<ssize_t>(length, 0)] = 0;
  for (size_t i = 0; i < count; ++i) take_snapshot(snapshots[i]);
  return snapshots;
}

}  // namespace pocketlm
