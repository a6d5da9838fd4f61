module handsfree_secrets_database

go 1.21

require (
	github.com/handsfree/libhandsfree_secrets/bindings/go v0.0.0
	github.com/lib/pq v1.12.3
)

// The path of the module in this repository. Other programs use their own path, or no replace directive once the module
// is published.
replace github.com/handsfree/libhandsfree_secrets/bindings/go => ../../../bindings/go
