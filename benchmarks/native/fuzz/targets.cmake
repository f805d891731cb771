# libFuzzer's targets: clang, with AddressSanitizer and UndefinedBehaviorSanitizer in our own code.
set(SANITIZED -g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all)

function(add_fuzz_target name)
  add_executable(${name} fuzz/${name}.cpp)
  target_compile_definitions(${name} PRIVATE POCKETLM_FUZZ)
  target_compile_options(${name} PRIVATE ${SANITIZED} -fsanitize=fuzzer -Wall -Wextra)
  target_link_options(${name} PRIVATE ${SANITIZED} -fsanitize=fuzzer)
  target_link_libraries(${name} PRIVATE ${ARGN})
endfunction()

add_fuzz_target(table_target)
add_fuzz_target(replay_target)
add_fuzz_target(
  program_target executorch::runtime executorch::kernels_optimized executorch::kernels_quantized
  executorch::backend_xnnpack executorch::threadpool)

target_compile_options(pocketlm_lean_kernels PRIVATE ${SANITIZED} -fsanitize=fuzzer-no-link)
add_fuzz_target(lean_target pocketlm_lean_kernels)

if(SENTENCEPIECE_SOURCE)
  set(SPM_ENABLE_SHARED OFF)
  set(SPM_ENABLE_LITE OFF)
  set(SPM_DISABLE_EMBEDDED_DATA ON)
  add_compile_options(${SANITIZED} -fsanitize=fuzzer-no-link)
  add_subdirectory(${SENTENCEPIECE_SOURCE} sentencepiece EXCLUDE_FROM_ALL)
  add_fuzz_target(tokenizer_target sentencepiece-static)
  target_include_directories(tokenizer_target PRIVATE ${SENTENCEPIECE_SOURCE}/src)
endif()
