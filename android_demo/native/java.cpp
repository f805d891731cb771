#include "java.h"

#include <new>

namespace pocketlm {

Java java;

namespace {

constexpr const char* kPackage = "org/pytorch/executorch/";

template <typename T>
T global(JNIEnv* env, T local) {
  return static_cast<T>(checked(env, env->NewGlobalRef(checked(env, local))));
}

jclass find(JNIEnv* env, const std::string& name) { return global(env, env->FindClass(name.c_str())); }

void find_classes(JNIEnv* env) {
  const std::string package = kPackage;
  java.byte_buffer = find(env, "java/nio/ByteBuffer");
  java.byte_order = find(env, "java/nio/ByteOrder");
  java.error = find(env, "java/lang/OutOfMemoryError");
  java.evalue = find(env, package + "EValue");
  java.exception = find(env, package + "ExecutorchRuntimeException");
  java.hybrid = find(env, "com/facebook/jni/HybridData");
  java.illegal = find(env, "java/lang/IllegalArgumentException");
  java.string = find(env, "java/lang/String");
  java.tensor = find(env, package + "Tensor");
}

void find_fields(JNIEnv* env) {
  const auto field = [env](jclass owner, const char* name, const char* type) {
    return checked(env, env->GetFieldID(owner, name, type));
  };
  const jclass module = checked(env, env->FindClass("org/pytorch/executorch/Module"));
  const jclass destructor = checked(env, env->FindClass("com/facebook/jni/HybridData$Destructor"));
  java.hybrid_data = field(module, "mHybridData", "Lcom/facebook/jni/HybridData;");
  java.destructor = field(java.hybrid, "mDestructor", "Lcom/facebook/jni/HybridData$Destructor;");
  java.pointer = field(destructor, "mNativePointer", "J");
  java.shape = field(java.tensor, "shape", "[J");
}

void find_methods(JNIEnv* env) {
  const auto method = [env](jclass owner, const char* name, const char* type) {
    return checked(env, env->GetMethodID(owner, name, type));
  };
  const auto function = [env](jclass owner, const char* name, const std::string& type) {
    return checked(env, env->GetStaticMethodID(owner, name, type.c_str()));
  };
  const std::string value = ")Lorg/pytorch/executorch/EValue;", tensor = "Lorg/pytorch/executorch/Tensor;";
  java.buffer = method(java.tensor, "getRawDataBuffer", "()Ljava/nio/Buffer;");
  java.dtype = method(java.tensor, "dtypeJniCode", "()I");
  java.new_exception = method(java.exception, "<init>", "(ILjava/lang/String;)V");
  java.new_hybrid = method(java.hybrid, "<init>", "()V");
  java.order = method(java.byte_buffer, "order", "(Ljava/nio/ByteOrder;)Ljava/nio/ByteBuffer;");
  java.to_tensor = method(java.evalue, "toTensor", ("()" + tensor).c_str());
  java.from_bool = function(java.evalue, "from", "(Z" + value);
  java.from_double = function(java.evalue, "from", "(D" + value);
  java.from_int = function(java.evalue, "from", "(J" + value);
  java.from_tensor = function(java.evalue, "from", "(" + tensor + value);
  java.new_tensor = function(java.tensor, "nativeNewTensor",
                             "(Ljava/nio/ByteBuffer;[JILcom/facebook/jni/HybridData;)" + tensor);
  const jmethodID native_order = function(java.byte_order, "nativeOrder", "()Ljava/nio/ByteOrder;");
  java.native_order = global(env, env->CallStaticObjectMethod(java.byte_order, native_order));
}

void throw_runtime_failure(JNIEnv* env, const RuntimeFailure& failure) {
  const jstring message = env->NewStringUTF(failure.what());
  if (!message) return;  // Java is out of memory, and says so
  const jobject exception =
      env->NewObject(java.exception, java.new_exception, static_cast<jint>(failure.code), message);
  if (exception) env->Throw(static_cast<jthrowable>(exception));
}

}  // namespace

std::string to_string(JNIEnv* env, jstring text) {
  if (!text) throw ArgumentFailure("a text is null");
  const char* characters = checked(env, env->GetStringUTFChars(text, nullptr));
  const std::string copy(characters);
  env->ReleaseStringUTFChars(text, characters);
  return copy;
}

void throw_in_java(JNIEnv* env) {
  try {
    throw;
  } catch (const PendingException&) {
    // thrown already
  } catch (const RuntimeFailure& failure) {
    throw_runtime_failure(env, failure);
  } catch (const ArgumentFailure& failure) {
    env->ThrowNew(java.illegal, failure.what());
  } catch (const std::bad_alloc&) {
    env->ThrowNew(java.error, "no memory for the program");
  } catch (const std::exception& failure) {
    throw_runtime_failure(env, RuntimeFailure(1, failure.what()));  // Error::Internal
  }
}

}  // namespace pocketlm

// A class or member that is missing stays pending: System.load throws it.
extern "C" JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM* machine, void*) {
  JNIEnv* env;
  if (machine->GetEnv(reinterpret_cast<void**>(&env), JNI_VERSION_1_6) != JNI_OK) return JNI_ERR;
  return pocketlm::guarded(env, static_cast<jint>(JNI_ERR), [env] {
    const pocketlm::LocalFrame frame(env, 32);
    pocketlm::find_classes(env);
    pocketlm::find_fields(env);
    pocketlm::find_methods(env);
    return static_cast<jint>(JNI_VERSION_1_6);
  });
}
