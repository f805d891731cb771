import org.jetbrains.kotlin.gradle.dsl.JvmTarget

plugins {
    id("com.android.library")
    kotlin("android")
}

android {
    namespace = "org.pocketlm"
    compileSdk = 35

    defaultConfig {
        minSdk = 26
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_1_8
        targetCompatibility = JavaVersion.VERSION_1_8
    }
}

kotlin {
    compilerOptions {
        jvmTarget = JvmTarget.JVM_1_8
    }
}

dependencies {
    // Pairs with the exporter: requirements.lock pins executorch 1.5.1, and a program is run by the same 1.5.
    // It brings fbjni and nativeloader. The tests are Maven's.
    implementation("org.pytorch:executorch-android:1.5.1") {
        // Its classes use none of it, and its manifest adds a permission.
        exclude(group = "androidx.core")
    }
}
