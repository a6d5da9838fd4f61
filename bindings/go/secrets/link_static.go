//go:build static_link

package secrets

// #cgo pkg-config: --static handsfree_secrets-static
import "C"
