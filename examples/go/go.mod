module handsfree_secrets_quickstart

go 1.21

require github.com/handsfree/libhandsfree_secrets/bindings/go v0.0.0

// The binding lies beside this program; a program elsewhere names its own path here, or leaves the line out once the
// module is published.
replace github.com/handsfree/libhandsfree_secrets/bindings/go => ../../bindings/go
