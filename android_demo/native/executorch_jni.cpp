// The native methods that ExecuTorch's Java classes declare, over the ExecuTorch wheel's libraries.
//
//   org.pytorch.executorch.Module -> HybridData.mDestructor.mNativePointer -> executorch::extension::Module
//   Tensor with a direct buffer   -> a tensor over the same memory, for the length of the call
//   a tensor that comes out       -> a direct buffer over the program's arena, as on a phone: it holds until
//                                    the next execute
//
// Only the methods that PocketLM calls are here; any other is Java's UnsatisfiedLinkError. Java's Module has a
// lock around each call, and refuses calls after destroy().
#include <executorch/extension/module/module.h>
#include <executorch/extension/tensor/tensor.h>
#include <executorch/runtime/platform/platform.h>
#include <executorch/runtime/platform/runtime.h>

#include <memory>
#include <vector>

#include "java.h"

// The wheel has the thread pool's library but not its header, of which this is the part that is used.
namespace executorch::extension::threadpool {
class ThreadPool {
 public:
  size_t get_thread_count() const;
  bool _unsafe_reset_threadpool(uint32_t new_thread_count);
};
ThreadPool* get_threadpool();
}  // namespace executorch::extension::threadpool

namespace et = executorch::runtime;
using executorch::aten::ScalarType;
using executorch::aten::Tensor;
using executorch::extension::Module;
using executorch::extension::TensorPtr;
using pocketlm::ArgumentFailure;
using pocketlm::checked;
using pocketlm::guarded;
using pocketlm::java;
using pocketlm::LocalFrame;
using pocketlm::RuntimeFailure;
using pocketlm::to_string;

namespace {

void check(et::Error error, const std::string& what) {
  if (error != et::Error::Ok) throw RuntimeFailure(static_cast<int>(error), what);
}

// The runtime's own messages would be further lines beside the exception's.
void say_nothing(et_timestamp_t, et_pal_log_level_t, const char*, const char*, size_t, const char*, size_t) {}

void prepare_runtime() {
  et::register_pal(et::PalImpl::create(say_nothing, __FILE__));
  et::runtime_init();
}

// The pool is the process's: it is changed only where it is another, as that is not safe while it works.
void use_threads(jint threads) {
  auto* pool = executorch::extension::threadpool::get_threadpool();
  if (threads > 0 && pool && pool->get_thread_count() != static_cast<size_t>(threads))
    pool->_unsafe_reset_threadpool(static_cast<uint32_t>(threads));
}

// The numbers of Module.LOAD_MODE_*.
Module::LoadMode load_mode(jint mode) {
  switch (mode) {
    case 0: return Module::LoadMode::File;
    case 1: return Module::LoadMode::Mmap;
    case 2: return Module::LoadMode::MmapUseMlock;
    case 3: return Module::LoadMode::MmapUseMlockIgnoreErrors;
    default: throw ArgumentFailure("no such load mode");
  }
}

jobject new_hybrid(JNIEnv* env, std::unique_ptr<Module> module) {
  LocalFrame frame(env, 4);
  const jobject hybrid = checked(env, env->NewObject(java.hybrid, java.new_hybrid));
  const jobject destructor = checked(env, env->GetObjectField(hybrid, java.destructor));
  env->SetLongField(destructor, java.pointer, reinterpret_cast<jlong>(module.release()));
  return frame.keep(hybrid);
}

Module& module_of(JNIEnv* env, jobject self) {
  const LocalFrame frame(env, 4);
  const jobject hybrid = checked(env, env->GetObjectField(self, java.hybrid_data));
  const jobject destructor = checked(env, env->GetObjectField(hybrid, java.destructor));
  auto* module = reinterpret_cast<Module*>(env->GetLongField(destructor, java.pointer));
  if (!module) throw ArgumentFailure("the module has been destroyed");
  return *module;
}

template <typename Texts>
jobjectArray new_strings(JNIEnv* env, const Texts& texts) {
  const auto array = checked(env, env->NewObjectArray(static_cast<jsize>(texts.size()), java.string, nullptr));
  jsize at = 0;
  for (const std::string& text : texts) {
    const LocalFrame frame(env, 1);
    env->SetObjectArrayElement(array, at++, checked(env, env->NewStringUTF(text.c_str())));
  }
  return array;
}

std::vector<executorch::aten::SizesType> shape_of(JNIEnv* env, jobject tensor) {
  const auto shape = static_cast<jlongArray>(checked(env, env->GetObjectField(tensor, java.shape)));
  std::vector<jlong> sizes(static_cast<size_t>(env->GetArrayLength(shape)));
  env->GetLongArrayRegion(shape, 0, static_cast<jsize>(sizes.size()), sizes.data());
  return {sizes.begin(), sizes.end()};
}

// A tensor over a Java tensor's memory, which Java's Tensor has checked against its shape.
TensorPtr borrow(JNIEnv* env, jobject value) {
  const LocalFrame frame(env, 4);
  if (!value) throw ArgumentFailure("an input is null");
  const jobject tensor = checked(env, env->CallObjectMethod(value, java.to_tensor));
  const jobject buffer = checked(env, env->CallObjectMethod(tensor, java.buffer));
  void* memory = buffer ? env->GetDirectBufferAddress(buffer) : nullptr;
  if (!memory) throw ArgumentFailure("an input is not a tensor over a direct buffer");
  const jint type = checked(env, env->CallIntMethod(tensor, java.dtype));
  return executorch::extension::from_blob(memory, shape_of(env, tensor), static_cast<ScalarType>(type));
}

std::vector<TensorPtr> borrow_all(JNIEnv* env, jobjectArray values) {
  std::vector<TensorPtr> tensors;
  for (jsize i = 0; i < env->GetArrayLength(values); ++i) {
    const LocalFrame frame(env, 1);
    tensors.push_back(borrow(env, checked(env, env->GetObjectArrayElement(values, i))));
  }
  return tensors;
}

jobject new_tensor(JNIEnv* env, const Tensor& tensor) {
  const jobject bytes =
      checked(env, env->NewDirectByteBuffer(tensor.mutable_data_ptr(), static_cast<jlong>(tensor.nbytes())));
  const jobject ordered = checked(env, env->CallObjectMethod(bytes, java.order, java.native_order));
  const std::vector<jlong> sizes(tensor.sizes().begin(), tensor.sizes().end());
  const jsize dimensions = static_cast<jsize>(sizes.size());
  const jlongArray shape = checked(env, env->NewLongArray(dimensions));
  env->SetLongArrayRegion(shape, 0, dimensions, sizes.data());
  const jint type = static_cast<jint>(tensor.scalar_type());
  return checked(env, env->CallStaticObjectMethod(java.tensor, java.new_tensor, ordered, shape, type, nullptr));
}

jobject new_value(JNIEnv* env, const et::EValue& value) {
  LocalFrame frame(env, 8);
  const auto from = [env](jmethodID function, auto argument) {
    return checked(env, env->CallStaticObjectMethod(java.evalue, function, argument));
  };
  if (value.isTensor()) return frame.keep(from(java.from_tensor, new_tensor(env, value.toTensor())));
  if (value.isInt()) return frame.keep(from(java.from_int, static_cast<jlong>(value.toInt())));
  if (value.isDouble()) return frame.keep(from(java.from_double, static_cast<jdouble>(value.toDouble())));
  if (value.isBool()) return frame.keep(from(java.from_bool, static_cast<jboolean>(value.toBool())));
  throw RuntimeFailure(static_cast<int>(et::Error::NotSupported), "an output of a type that Java does not get");
}

jobjectArray new_values(JNIEnv* env, const std::vector<et::EValue>& values) {
  const auto array = checked(env, env->NewObjectArray(static_cast<jsize>(values.size()), java.evalue, nullptr));
  for (size_t i = 0; i < values.size(); ++i) {
    const LocalFrame frame(env, 1);
    env->SetObjectArrayElement(array, static_cast<jsize>(i), new_value(env, values[i]));
  }
  return array;
}

jobjectArray execute(JNIEnv* env, jobject self, jstring name, jobjectArray values) {
  Module& module = module_of(env, self);
  const std::string method = to_string(env, name);
  const std::vector<TensorPtr> tensors = borrow_all(env, values);
  const std::vector<et::EValue> inputs(tensors.begin(), tensors.end());
  const auto outputs = module.execute(method, inputs);
  check(outputs.error(), "running " + method + " failed");
  return new_values(env, *outputs);
}

std::vector<std::string> backends(Module& module, const std::string& method) {
  const auto meta = module.method_meta(method);
  check(meta.error(), method + " cannot be read");
  std::vector<std::string> names;
  for (size_t i = 0; i < meta->num_backends(); ++i) {
    const auto name = meta->get_backend_name(i);
    check(name.error(), method + " names no backend");
    names.emplace_back(*name);
  }
  return names;
}

}  // namespace

extern "C" {

JNIEXPORT void JNICALL Java_com_facebook_jni_HybridData_00024Destructor_deleteNative(JNIEnv*, jclass, jlong module) {
  delete reinterpret_cast<Module*>(module);
}

JNIEXPORT jobject JNICALL Java_org_pytorch_executorch_Module_initHybrid(JNIEnv* env, jclass, jstring path, jint mode,
                                                                        jint threads) {
  return guarded(env, jobject(), [=] {
    prepare_runtime();
    use_threads(threads);
    auto module = std::make_unique<Module>(to_string(env, path), load_mode(mode));
    check(module->load(et::Program::Verification::InternalConsistency), "the file is damaged or not a program");
    return new_hybrid(env, std::move(module));
  });
}

JNIEXPORT jobjectArray JNICALL Java_org_pytorch_executorch_Module_getMethodsNative(JNIEnv* env, jobject self) {
  return guarded(env, jobjectArray(), [=] {
    const auto names = module_of(env, self).method_names();
    check(names.error(), "the program cannot be read");
    return new_strings(env, *names);
  });
}

JNIEXPORT jobjectArray JNICALL Java_org_pytorch_executorch_Module_getUsedBackends(JNIEnv* env, jobject self,
                                                                                  jstring method) {
  return guarded(env, jobjectArray(),
                 [=] { return new_strings(env, backends(module_of(env, self), to_string(env, method))); });
}

JNIEXPORT jint JNICALL Java_org_pytorch_executorch_Module_loadMethodNative(JNIEnv* env, jobject self, jstring method) {
  return guarded(env, jint(et::Error::Internal), [=] {
    return static_cast<jint>(module_of(env, self).load_method(to_string(env, method)));
  });
}

JNIEXPORT jobjectArray JNICALL Java_org_pytorch_executorch_Module_executeNative(JNIEnv* env, jobject self, jstring method,
                                                                                jobjectArray inputs) {
  return guarded(env, jobjectArray(), [=] { return execute(env, self, method, inputs); });
}

}  // extern "C"
