// Kotlin's version is that of pom.xml, so that both builds have one compiler.
plugins {
    id("com.android.application") version "8.13.0" apply false
    id("com.android.library") version "8.13.0" apply false
    kotlin("android") version "2.4.21" apply false
}
