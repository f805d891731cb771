import org.jetbrains.kotlin.gradle.dsl.JvmTarget

plugins {
    id("com.android.application")
    kotlin("android")
}

android {
    namespace = "org.pocketlm.keyboard" // the manifest's package too, from which Maven's build takes it
    compileSdk = 35

    defaultConfig {
        applicationId = "org.pocketlm.keyboard"
        minSdk = 26
        targetSdk = 35
        ndk {
            abiFilters += listOf("arm64-v8a", "x86_64") // phones, and the emulator
        }
    }

    androidResources {
        noCompress += "pte" // stored, it is copied once and never unpacked in memory
    }

    packaging {
        jniLibs {
            useLegacyPackaging = false // mapped from the APK, at 16 KiB pages
        }
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
    implementation(project(":library"))
}
