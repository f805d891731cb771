// The Java side of the native methods: classes and members found once, exceptions in both directions.
#pragma once
#include <jni.h>

#include <stdexcept>
#include <string>

namespace pocketlm {

// A Java exception is pending: the native method returns at once, and Java throws it.
struct PendingException {};

// An error of the runtime, to be thrown as an ExecutorchRuntimeException with its code.
class RuntimeFailure : public std::runtime_error {
 public:
  RuntimeFailure(int code, const std::string& message) : std::runtime_error(message), code(code) {}
  const int code;
};

// The caller's mistake, to be thrown as an IllegalArgumentException.
struct ArgumentFailure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// What JNI_OnLoad finds; the classes are global references of one class loader, whose library this copy is.
struct Java {
  jclass byte_buffer, byte_order, error, evalue, exception, hybrid, illegal, string, tensor;
  jfieldID destructor, hybrid_data, pointer, shape;
  jmethodID buffer, dtype, from_bool, from_double, from_int, from_tensor, new_exception, new_hybrid, new_tensor,
      order, to_tensor;
  jobject native_order;
};
extern Java java;

// Throws PendingException where the call before left an exception; else gives back what it returned.
template <typename T>
T checked(JNIEnv* env, T value) {
  if (env->ExceptionCheck()) throw PendingException();
  return value;
}

// Local references that are made in a block and die with it, all but the one that `keep` takes out.
class LocalFrame {
 public:
  LocalFrame(JNIEnv* env, jint references) : env_(env) {
    if (env->PushLocalFrame(references) != 0) throw PendingException();
  }
  ~LocalFrame() {
    if (open_) env_->PopLocalFrame(nullptr);
  }
  LocalFrame(const LocalFrame&) = delete;
  LocalFrame& operator=(const LocalFrame&) = delete;

  template <typename T>
  T keep(T result) {
    open_ = false;
    return static_cast<T>(env_->PopLocalFrame(result));
  }

 private:
  JNIEnv* env_;
  bool open_ = true;
};

std::string to_string(JNIEnv* env, jstring text);

// Throws the exception being handled in Java. Called from a catch block alone.
void throw_in_java(JNIEnv* env);

// A native method's body: whatever it throws is thrown in Java, and `failed` returned.
template <typename Body, typename Result>
Result guarded(JNIEnv* env, Result failed, Body body) {
  try {
    return body();
  } catch (...) {
    throw_in_java(env);
    return failed;
  }
}

}  // namespace pocketlm
