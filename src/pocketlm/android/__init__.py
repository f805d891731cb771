"""What the tests of the Android app are given: bundles, golden files, programs, natives."""
