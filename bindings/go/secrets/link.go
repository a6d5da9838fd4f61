//go:build !static_link

package secrets

// #cgo pkg-config: handsfree_secrets
import "C"
