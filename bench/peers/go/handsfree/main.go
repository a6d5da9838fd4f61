// This library, used from Go.
package main

import (
	"context"
	"log"

	"github.com/handsfree/libhandsfree_secrets/bindings/go/secrets"

	"github.com/handsfree/libhandsfree_secrets/bench/peers/go/harness"
)

type client struct{ manager *secrets.Manager }

func (c client) Get(path string) (string, error) {
	secret, err := c.manager.Get(context.Background(), "vault://"+path)
	if err != nil {
		return "", err
	}
	defer secret.Wipe()
	return secret.Reveal(), nil
}

func (c client) Store(path, value string) error {
	_, err := c.manager.Store(context.Background(), path, []byte(value))
	return err
}

func (c client) List(folder string) (int, error) {
	references, err := c.manager.List(context.Background(), folder)
	return len(references), err
}

func (c client) Batch(paths []string) (int, error) {
	references := make([]string, len(paths))
	for i, path := range paths {
		references[i] = "vault://" + path
	}
	results, err := c.manager.GetMany(context.Background(), references)
	found := 0
	for _, result := range results {
		if result.Err == nil {
			result.Secret.Wipe()
			found++
		}
	}
	return found, err
}

func main() {
	manager, err := secrets.Open()
	if err != nil {
		log.Fatal(err)
	}
	harness.Serve(client{manager})
}
