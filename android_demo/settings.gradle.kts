// The build for Android Studio. It was not run where this was written: no Android SDK, Gradle or Google's Maven could
// be reached there. What was run, on the same sources, is the Maven build (pom.xml, `make test-android`).
pluginManagement {
    repositories {
        google()
        mavenCentral()
        gradlePluginPortal()
    }
}

dependencyResolutionManagement {
    repositoriesMode = RepositoriesMode.FAIL_ON_PROJECT_REPOS
    repositories {
        google()
        mavenCentral()
    }
}

rootProject.name = "PocketLM"
include(":app", ":library")
