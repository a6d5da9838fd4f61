module handsfree_secrets_quickstart

go 1.21

require github.com/handsfree/libhandsfree_secrets/bindings/go v0.0.0

// The path of the module in this repository. Other programs use their own path, or no replace directive once the module
// is published.
replace github.com/handsfree/libhandsfree_secrets/bindings/go => ../../bindings/go
