//go:build race

package secrets_test

// manyGoroutines is how many goroutines call at once: the race detector allows 8128 in all.
const manyGoroutines = 2000
