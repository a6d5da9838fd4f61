module github.com/handsfree/libhandsfree_secrets/bindings/go

go 1.21
