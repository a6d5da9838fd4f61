//go:build !race

package secrets_test

// manyGoroutines is how many goroutines call at once.
const manyGoroutines = 10_000
