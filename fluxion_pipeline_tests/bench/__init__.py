"""The benches' own code, at the smallest size: that they measure and find wrong answers, not how long anything takes."""
